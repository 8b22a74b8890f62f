namespace Palmyra.Generation.Sampling;

/// <summary>What a logits processor is told besides tokens and logits.</summary>
/// <param name="PromptLength">How many of the tokens are the prompt.</param>
/// <param name="MaxLength">Prompt and new tokens together at most.</param>
public readonly record struct LogitsContext(int PromptLength, int MaxLength);
