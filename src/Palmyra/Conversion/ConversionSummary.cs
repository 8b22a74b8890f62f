namespace Palmyra.Conversion;

/// <summary>What a conversion wrote.</summary>
/// <param name="Type">How most of the written numbers are stored: F32, F16, Q8_0 and so on.</param>
/// <param name="Tensors">Tensors written.</param>
/// <param name="Parameters">Parameters of the model.</param>
/// <param name="Vocabulary">Tokens of the vocabulary.</param>
/// <param name="HasTokenizer">Whether the model's own tokenizer was written; otherwise there was none, and a GGUF file holds made-up tokens.</param>
/// <param name="Unused">Tensors of the source that the model has no use for.</param>
public sealed record ConversionSummary(
    string Type, int Tensors, long Parameters, int Vocabulary, bool HasTokenizer, IReadOnlyList<string> Unused);
