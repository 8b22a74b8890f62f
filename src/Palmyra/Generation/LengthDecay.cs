namespace Palmyra.Generation;

/// <summary>transformers' <c>exponential_decay_length_penalty</c>: makes the end token ever more likely.</summary>
/// <param name="Start">New tokens before it sets in.</param>
/// <param name="Factor">The end token's logit z grows by |z|·(Factor^n − 1), n tokens after <paramref name="Start"/>; more than 1.</param>
public readonly record struct LengthDecay(int Start, float Factor);
