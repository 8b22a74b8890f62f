namespace Palmyra.Generation;

/// <summary>A prompt and what to do with it.</summary>
/// <param name="Prompt">Token ids; an empty prompt becomes the model's bos token.</param>
/// <param name="Options">How to generate.</param>
public sealed record GenerationRequest(IReadOnlyList<int> Prompt, GenerationOptions Options);
