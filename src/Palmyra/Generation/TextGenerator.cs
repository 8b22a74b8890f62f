using Palmyra.Backends;
using Palmyra.Tokenization;

namespace Palmyra.Generation;

/// <summary>Text in, text out: a model's tokenizer in front of its <see cref="Generator"/>.</summary>
/// <remarks>Calls may come from several threads at a time; their sequences are decoded together, and none changes another's text.</remarks>
public sealed class TextGenerator : IDisposable
{
    private readonly LanguageModel _model;
    private readonly GptTokenizer _tokenizer;

    /// <summary>Makes a generator for a model; the model stays the caller's.</summary>
    /// <param name="model">The model.</param>
    /// <param name="cacheFormat">How keys and values are stored; <see cref="Generation.Generator.CacheFormat"/> tells.</param>
    /// <exception cref="Diagnostics.TokenizationException">The model's folder has no tokenizer.</exception>
    public TextGenerator(LanguageModel model, CacheFormat cacheFormat = CacheFormat.F32)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _tokenizer = model.Tokenizer;
        Generator = new Generator(model.Transformer, _tokenizer, cacheFormat: cacheFormat);
    }

    /// <summary>The generator underneath, for prompts that are token ids already.</summary>
    public Generator Generator { get; }

    /// <summary>Continues a prompt and yields each token with the text that became certain with it.</summary>
    /// <param name="prompt">The text to continue; empty means the model's bos token.</param>
    /// <param name="options">How; <see cref="LanguageModel.GenerationDefaults"/> if null. No beams.</param>
    /// <param name="cancellation">Ends the stream. Leaving the loop early ends the work as well.</param>
    /// <exception cref="Diagnostics.GenerationException">The options, the prompt or the model's limits forbid it.</exception>
    public IAsyncEnumerable<GeneratedToken> StreamAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Generator.StreamAsync(Request(prompt, options), cancellation);

    /// <summary>Continues a prompt.</summary>
    /// <param name="prompt">The text to continue; empty means the model's bos token.</param>
    /// <param name="options">How; <see cref="LanguageModel.GenerationDefaults"/> if null.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <returns><see cref="GenerationOptions.NumReturnSequences"/> sequences; <see cref="GeneratedSequence.Text"/> is the new text alone.</returns>
    /// <exception cref="Diagnostics.GenerationException">The options, the prompt or the model's limits forbid it.</exception>
    public async Task<IReadOnlyList<GeneratedSequence>> GenerateAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        (await GenerateAsync([prompt], options, cancellation).ConfigureAwait(false))[0];

    /// <summary>Continues many prompts together.</summary>
    /// <param name="prompts">The texts to continue.</param>
    /// <param name="options">How; <see cref="LanguageModel.GenerationDefaults"/> if null.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <returns>For each prompt its sequences.</returns>
    /// <exception cref="Diagnostics.GenerationException">The options, a prompt or the model's limits forbid it; nothing was generated.</exception>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(
        IReadOnlyList<string> prompts, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Generator.GenerateAsync([.. prompts.Select(prompt => Request(prompt, options))], cancellation);

    /// <summary>Cancels what is being generated and gives its memory back.</summary>
    public void Dispose() => Generator.Dispose();

    private GenerationRequest Request(string prompt, GenerationOptions? options) =>
        new(_tokenizer.EncodePrompt(prompt), options ?? _model.GenerationDefaults);
}
