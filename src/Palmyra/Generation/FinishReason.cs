namespace Palmyra.Generation;

/// <summary>Why a sequence ended.</summary>
public enum FinishReason
{
    /// <summary>It produced one of the end tokens, which is its last token.</summary>
    Eos,

    /// <summary>It reached its largest length.</summary>
    Length,

    /// <summary>Its text contains a stop string; the text ends before it, the tokens include it.</summary>
    StopString,

    /// <summary>The time given by <see cref="GenerationOptions.MaxTime"/> had passed.</summary>
    Time,
}
