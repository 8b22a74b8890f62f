namespace Palmyra.Generation;

/// <summary>One step of a stream.</summary>
/// <param name="Sequence">The number of the sequence within its prompt, from 0.</param>
/// <param name="Token">The token.</param>
/// <param name="LogProbability">ln p of the token under the raw logits.</param>
/// <param name="Text">
/// Text that became certain with this token: whole characters, without what may still turn out to belong to a stop string. The pieces
/// of a sequence join to its text. Empty without a tokenizer.
/// </param>
/// <param name="Finished">The whole sequence, with the last of its tokens; null before.</param>
public sealed record GeneratedToken(int Sequence, int Token, float LogProbability, string Text, GeneratedSequence? Finished);
