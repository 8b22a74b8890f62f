namespace Palmyra.Models;

/// <summary>What a matrix of a model does.</summary>
public enum MatrixRole
{
    /// <summary>Embeds tokens; gives the logits too where the head is tied.</summary>
    Tokens,

    /// <summary>Embeds positions: rows are looked up, nothing is multiplied with it.</summary>
    Positions,

    /// <summary>A projection of a layer.</summary>
    Layer,

    /// <summary>Gives the logits.</summary>
    Head,
}
