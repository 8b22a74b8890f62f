using Palmyra.Backends;
using Palmyra.Tokenization;

namespace Palmyra;

/// <summary>How to open a model.</summary>
public sealed record LanguageModelOptions
{
    /// <summary>Where it runs; a CPU backend with all processors if null. The model disposes it.</summary>
    public IBackend? Backend { get; init; }

    /// <summary>How matrices are stored in memory, by <see cref="Models.StorageFormat"/>; each as the checkpoint stores it if null.</summary>
    /// <remarks>64-bit floats become 32-bit.</remarks>
    public MatrixFormat? Format { get; init; }

    /// <summary>Which weights to read where a folder has several, such as "fp16"; null for the plain ones.</summary>
    public string? Variant { get; init; }

    /// <summary>Which branch, tag or commit of a model in the hub cache; "main" if null.</summary>
    public string? Revision { get; init; }

    /// <summary>What is stated about the tokenizer beyond its files; null for nothing.</summary>
    public TokenizerOptions? Tokenizer { get; init; }

    /// <summary>Told the share of parameters loaded, 0 to 1; or null.</summary>
    public IProgress<double>? Progress { get; init; }
}
