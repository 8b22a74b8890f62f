namespace Palmyra.Generation;

/// <summary>A number added to the logit of a token sequence's last token when the text ends with the rest of the sequence.</summary>
/// <param name="Tokens">The sequence, at least one token; a single token is always biased.</param>
/// <param name="Bias">Added to the logit; negative discourages, −∞ forbids.</param>
public sealed record SequenceBias(IReadOnlyList<int> Tokens, float Bias);
