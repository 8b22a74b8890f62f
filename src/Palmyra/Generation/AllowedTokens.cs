namespace Palmyra.Generation;

/// <summary>Says which tokens may come next (transformers' <c>prefix_allowed_tokens_fn</c>).</summary>
/// <param name="tokens">Prompt and generated tokens so far.</param>
/// <returns>The ids that may follow, at least one.</returns>
public delegate IReadOnlyCollection<int> AllowedTokens(ReadOnlySpan<int> tokens);
