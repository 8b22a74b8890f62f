using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;
using Palmyra.Testing;

namespace Palmyra.Tests.Generation;

/// <summary>What a rounding cache does to what is generated.</summary>
public sealed class CacheFormatGenerationTests
{
    private const int NewTokens = 24;

    public static TheoryData<string, CacheFormat> Models
    {
        get
        {
            var data = new TheoryData<string, CacheFormat>();
            foreach (string name in (string[])["gpt2", "gptj", "gpt-neo"])
            {
                data.Add(name, CacheFormat.F16);
                data.Add(name, CacheFormat.Q8);
            }

            return data;
        }
    }

    /// <summary>The log-probabilities of a text under a rounding cache, beside those under F32.</summary>
    /// <remarks>
    /// To first order: a relative error e of every cached number moves an attention output by about e of its size through the values and as
    /// much through the scores, which are about one in size here; each of L layers adds that to the residual, so a state is off by 2·L·e of
    /// itself and a logit by that share of the logits' spread S; a log-probability is the difference of a logit and a mean of logits. So
    /// |Δ ln p| ≤ 2·2·L·e·S, with e = 2⁻¹¹ for F16, and for Q8, whose error is 1/254 of the head's largest number, e = 1/254.
    /// </remarks>
    [Theory]
    [MemberData(nameof(Models))]
    public void Log_probabilities_stay_within_a_bound_of_F32s(string name, CacheFormat format)
    {
        using LanguageModel model = LanguageModel.Open(
            Fixtures.Path($"models/{name}"), new LanguageModelOptions { Format = MatrixFormat.F32, Backend = new CheckedBackend(new CpuBackend()) });
        int[] prompt = [.. Enumerable.Range(0, 30).Select(i => ((i * i) + 5) % model.Config.VocabularySize)];
        var options = new GenerationOptions { MaxNewTokens = NewTokens, EosTokenIds = [], OutputLogits = true };
        using var exact = new Generator(model.Transformer);
        GeneratedSequence expected = exact.Generate(prompt, options)[0];
        using var rounded = new Generator(model.Transformer, cacheFormat: format);
        GeneratedSequence found = rounded.Generate(prompt, options with { LogitsProcessors = [new Follow([.. expected.Tokens])] })[0];
        Assert.Equal((CacheFormat.F32, format), (exact.CacheFormat, rounded.CacheFormat));
        Assert.Equal(expected.Tokens, found.Tokens);

        double error = format == CacheFormat.F16 ? 1.0 / 2048 : 1.0 / 254;
        double largest = 0;
        for (int step = 0; step < NewTokens; step++)
        {
            IReadOnlyList<float> logits = expected.Logits[step];
            double bound = 4 * model.Config.Layers * error * (logits.Max() - logits.Min());
            int token = expected.Tokens[expected.PromptLength + step];
            double difference = Math.Abs(LogProbability(logits, token) - LogProbability(found.Logits[step], token));
            Assert.True(difference <= bound, $"step {step}: {difference:G3} of {bound:G3}");
            largest = Math.Max(largest, difference / bound);
        }

        // A bound a thousand times too wide would say nothing, and no difference at all that nothing was rounded.
        Assert.InRange(largest, 1e-3, 1);
    }

    [Theory]
    [InlineData(CacheFormat.F16)]
    [InlineData(CacheFormat.Q8)]
    public async Task Company_chunks_and_a_cache_that_grows_meanwhile_change_no_bit(CacheFormat format)
    {
        using var backend = new CheckedBackend(new CpuBackend());
        using Palmyra.Models.Transformer model = TinyModel.Create(TinyModel.GptJ with { ContextLength = 400 }, backend);
        var options = new GenerationOptions { MaxNewTokens = 200, EosTokenIds = [] };
        var first = new GenerationRequest(TinyModel.Prompt(90), options);
        var later = new GenerationRequest(TinyModel.Prompt(11), options with { NumBeams = 3, NumReturnSequences = 2 });
        using var alone = new Generator(model, cacheFormat: format);
        string[] expected = [.. alone.Generate(first.Prompt, options).Concat(alone.Generate(later.Prompt, later.Options)).Select(GeneratorTests.Fingerprint)];

        // The later request comes when the first one's pages are half full, and the cache is copied into a larger one.
        using var shared = new Generator(model, rowBudget: 7, maxCachedTokens: 10_000, cacheFormat: format);
        Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>>? other = null;
        int pages = 0;
        var arrival = new At(190, () =>
        {
            pages = shared.PageCount;
            other = shared.GenerateAsync([later]);
        });
        IReadOnlyList<GeneratedSequence> found = shared.Generate(first.Prompt, options with { LogitsProcessors = [arrival] });
        IReadOnlyList<GeneratedSequence> beams = (await other!)[0];
        Assert.True(pages > 0 && shared.PageCount > pages);
        Assert.Equal(expected, found.Concat(beams).Select(GeneratorTests.Fingerprint));
    }

    [Fact]
    public void A_text_generator_passes_the_format_on()
    {
        using LanguageModel model = LanguageModel.Open(Storyteller.DefaultModel.Folder);
        using var generator = new TextGenerator(model, CacheFormat.Q8);
        Assert.Equal(CacheFormat.Q8, generator.Generator.CacheFormat);
    }

    private static double LogProbability(IReadOnlyList<float> logits, int token)
    {
        double max = logits.Max();
        return logits[token] - max - Math.Log(logits.Sum(logit => Math.Exp(logit - max)));
    }

    /// <summary>Lets only the next token of a given text through.</summary>
    private sealed class Follow(int[] text) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
        {
            float kept = logits[text[tokens.Length]];
            logits.Fill(float.NegativeInfinity);
            logits[text[tokens.Length]] = kept;
        }
    }

    /// <summary>Does something when a text reaches a length.</summary>
    private sealed class At(int length, Action action) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
        {
            if (tokens.Length == length)
            {
                action();
            }
        }
    }
}
