namespace Palmyra.Generation;

/// <summary>A finished sequence.</summary>
public sealed record GeneratedSequence
{
    /// <summary>Prompt and new tokens, the end token included if one ended it; never padded.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>How many of the tokens are the prompt.</summary>
    public required int PromptLength { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>The new text, cut before a stop string, without the end token; null without a tokenizer.</summary>
    public required string? Text { get; init; }

    /// <summary>ln p of each new token under the raw logits.</summary>
    public required IReadOnlyList<float> LogProbabilities { get; init; }

    /// <summary>The seed that repeats it, given or drawn; null when nothing was random.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Beam search: Σ of processed log-probabilities ÷ length^length_penalty; null otherwise.</summary>
    public double? Score { get; init; }

    /// <summary>The most probable tokens at each new token, if asked for.</summary>
    public IReadOnlyList<IReadOnlyList<TokenProbability>> TopLogProbabilities { get; init; } = [];

    /// <summary>[new tokens][V]: raw logits, if asked for.</summary>
    public IReadOnlyList<float[]> Logits { get; init; } = [];

    /// <summary>[new tokens][V]: what the token was chosen from, after all processing, if asked for.</summary>
    public IReadOnlyList<float[]> Scores { get; init; } = [];

    /// <summary>[new tokens][chosen layers][C]: the hidden states that predicted each token, if asked for.</summary>
    public IReadOnlyList<IReadOnlyList<float[]>> HiddenStates { get; init; } = [];

    /// <summary>The new tokens alone.</summary>
    public IEnumerable<int> NewTokens => Tokens.Skip(PromptLength);
}
