using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests;

/// <summary>Generation on the GPU backend, where the largest logits come back in place of all of them.</summary>
public sealed class GpuGenerationTests
{
    private static readonly GenerationOptions Greedy = new() { MaxNewTokens = 8, EosTokenIds = [], TopLogProbabilities = 3 };

    private static readonly GenerationOptions Sampled = Greedy with { DoSample = true, TopK = 12, Seed = 5, TopP = 0.9f, NumReturnSequences = 2 };

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gptj")]
    public void A_text_does_not_depend_on_what_its_neighbours_need(string folder)
    {
        using LanguageModel model = Open(folder, new WatchedDriver());
        using var generator = new Generator(model.Transformer);
        GenerationRequest greedy = new([5, 6, 7], Greedy);
        GenerationRequest sampled = new([5, 6, 9, 11], Sampled);
        GenerationRequest all = new([8, 3], Sampled with { Seed = 6, OutputScores = true });
        GenerationRequest processed = new([1, 2, 3, 4, 5], Greedy with { RepetitionPenalty = 1.3f, TopLogProbabilities = 0 });
        string[] expected = [.. new[] { greedy, sampled, all, processed }.Select(request => Fingerprint(generator.Generate([request])[0]))];
        GenerationRequest[][] mixes = [[greedy, sampled], [all, greedy], [all, processed, sampled, greedy], [sampled, all, greedy, processed]];
        GenerationRequest[] order = [greedy, sampled, all, processed];
        foreach (GenerationRequest[] mix in mixes)
        {
            Assert.Equal(
                mix.Select(request => expected[Array.IndexOf(order, request)]),
                generator.Generate(mix).Select(Fingerprint));
        }
    }

    [Fact]
    public void The_largest_logits_give_the_tokens_of_all()
    {
        using LanguageModel model = Open("gptj", new WatchedDriver());
        using var generator = new Generator(model.Transformer);
        foreach (GenerationOptions options in new[] { Greedy, Sampled, Sampled with { TopP = 1, Temperature = 0.7f, MinP = 0.05f } })
        {
            IReadOnlyList<GeneratedSequence> few = generator.Generate([5, 6, 7], options);
            IReadOnlyList<GeneratedSequence> all = generator.Generate([5, 6, 7], options with { OutputScores = true });
            Assert.Equal(all.Count, few.Count);
            for (int i = 0; i < all.Count; i++)
            {
                Assert.Equal(all[i].Tokens, few[i].Tokens);
                Assert.All(all[i].LogProbabilities, (expected, at) => Assert.Equal(expected, few[i].LogProbabilities[at], 1e-5f));
                Assert.All(all[i].TopLogProbabilities, (expected, at) => Assert.Equal(
                    expected.Select(token => token.Token), few[i].TopLogProbabilities[at].Select(token => token.Token)));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_token_is_one_copy_in_one_replay_and_one_copy_out(bool samples)
    {
        using var driver = new WatchedDriver();
        using LanguageModel model = Open("gptj", driver);
        using var generator = new Generator(model.Transformer);
        generator.Generate([5, 6, 7], samples ? Sampled with { NumReturnSequences = 1 } : Greedy);
        Assert.Equal(Enumerable.Repeat<string[]>(["CopyIn", "Replay", "CopyOut"], 4).SelectMany(step => step), driver.Log.TakeLast(12));
    }

    [Fact]
    public void Logits_that_tie_are_chosen_from_as_from_all()
    {
        // Each odd token's row of the head is that of the even one before it.
        using Transformer model = Spoiled((rows, cols) =>
        {
            for (int token = 1; token < rows.Length / cols; token += 2)
            {
                rows.AsSpan((token - 1) * cols, cols).CopyTo(rows.AsSpan(token * cols, cols));
            }
        });
        using var generator = new Generator(model);
        GenerationOptions[] choices = [Greedy, Sampled with { TopK = 4 }, Sampled with { TopK = 5, TopP = 1, Temperature = 3 }];
        foreach (GenerationOptions options in choices)
        {
            IReadOnlyList<GeneratedSequence> few = generator.Generate([5, 6, 7], options);
            IReadOnlyList<GeneratedSequence> all = generator.Generate([5, 6, 7], options with { OutputScores = true });
            Assert.Equal(all.Select(sequence => sequence.Tokens), few.Select(sequence => sequence.Tokens));
            Assert.All(few.SelectMany(sequence => sequence.NewTokens), token => Assert.True(options.DoSample || token % 2 == 0));
        }

        model.Backend.Dispose();
    }

    [Fact]
    public void A_logit_that_is_no_number_is_told()
    {
        using Transformer model = Spoiled((rows, cols) => rows[37 * cols] = float.NaN);
        using var generator = new Generator(model);
        foreach (GenerationOptions options in new[] { Greedy, Sampled, Greedy with { OutputScores = true } })
        {
            Assert.Contains(
                "The logits after 2 tokens contain NaN",
                Assert.Throws<GenerationException>(() => generator.Generate([1, 2], options)).Message,
                StringComparison.Ordinal);
        }

        model.Backend.Dispose();
    }

    // GPT-2's shape with random weights, of which the tokens' rows, which are the head's too, are changed.
    private static Transformer Spoiled(Action<float[], int> change)
    {
        ModelConfig config = ModelConfigReader.ReadFile(Fixtures.Path("models/gpt2/config.json"));
        var weights = new RandomWeights(config, 7);
        return TransformerLoader.Load(config, new CheckedBackend(InterpretedGpu.Create()), MatrixFormat.F32, entry =>
        {
            WeightView view = weights.View(entry);
            if (entry.Rows != config.VocabularySize)
            {
                return view;
            }

            var values = new float[entry.Rows * entry.Cols];
            view.CopyRows(0, entry.Rows, values);
            change(values, entry.Cols);
            return WeightView.FromArray(entry.Name, entry.Rows, entry.Cols, values);
        });
    }

    private static LanguageModel Open(string folder, WatchedDriver driver) => LanguageModel.Open(
        Fixtures.Path($"models/{folder}"),
        new LanguageModelOptions { Backend = new CheckedBackend(InterpretedGpu.Create(driver)), Format = MatrixFormat.F32 });

    private static string Fingerprint(IReadOnlyList<GeneratedSequence> sequences) => string.Join('\n', sequences.Select(sequence =>
        $"[{string.Join(' ', sequence.Tokens)}] [{string.Join(' ', sequence.LogProbabilities.Select(p => $"{p:R}"))}] "
            + string.Join(' ', sequence.TopLogProbabilities.SelectMany(best => best.Select(token => $"{token.Token} {token.LogProbability:R}")))));
}
