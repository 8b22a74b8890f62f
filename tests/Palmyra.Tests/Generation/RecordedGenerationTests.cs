using System.Text.Json;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;
using Palmyra.Testing;

namespace Palmyra.Tests.Generation;

/// <summary>What transformers generated, token for token.</summary>
public sealed class RecordedGenerationTests
{
    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void Sequences_and_scores_are_those_recorded(string name)
    {
        using var fixture = new FixtureModel(name);
        using var generator = new Generator(fixture.Model.Transformer);
        foreach (JsonElement run in fixture.Expected.GetProperty("generation").EnumerateArray())
        {
            string title = run.GetProperty("name").GetString()!;
            GenerationOptions options = FixtureModel.Options(run.GetProperty("arguments"));
            IReadOnlyList<GeneratedSequence> found = generator.Generate(FixtureModel.Ids(run.GetProperty("input_ids")), options);

            int[][] expected = [.. run.GetProperty("sequences").EnumerateArray().Select(FixtureModel.Ids)];
            int[][] padded = PaddedBatch.Pad([.. found.Select(sequence => sequence.Tokens)], padToken: 0);
            Assert.True(expected.Length == padded.Length, title);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(expected[i].SequenceEqual(padded[i]), $"{title} {i}: expected {string.Join(' ', expected[i])}; found {string.Join(' ', padded[i])}");
            }

            if (run.TryGetProperty("sequences_scores", out JsonElement scores))
            {
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.Equal(scores[i].GetDouble(), found[i].Score!.Value, fixture.Tolerance);
                }
            }

            Assert.Equal(0, generator.PagesInUse);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Filters_leave_the_recorded_probabilities(string name)
    {
        using var fixture = new FixtureModel(name);
        if (!fixture.Expected.TryGetProperty("processors", out JsonElement processors))
        {
            return;
        }

        int[] tokens = FixtureModel.Ids(processors.GetProperty("input_ids"));
        float[] all = fixture.Tensor(processors.GetProperty("logits").GetString()!, out int vocabulary);
        float[] row = all.AsSpan(processors.GetProperty("row").GetInt32() * vocabulary, vocabulary).ToArray();
        foreach (JsonElement run in processors.GetProperty("cases").EnumerateArray())
        {
            JsonElement arguments = run.GetProperty("arguments");
            GenerationOptions options = FixtureModel.Options(arguments) with { DoSample = true };
            options = arguments.TryGetProperty("top_k", out _) ? options : options with { TopK = 0 };
            float[] logits = [.. row];
            new LogitsPipeline(options, endTokens: []).Process(tokens, logits, new LogitsContext(tokens.Length, tokens.Length + 20));
            ReadOnlySpan<double> found = new Probabilities().Of(logits);
            float[] expected = fixture.Tensor(run.GetProperty("probabilities").GetString()!, out _);
            for (int id = 0; id < vocabulary; id++)
            {
                string at = $"{run.GetProperty("name")} token {id}: expected {expected[id]}, found {found[id]}";
                Assert.True(expected[id] == 0 == (found[id] == 0), at);
                Assert.True(Math.Abs(expected[id] - found[id]) < 1e-6, at);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_left_padded_batch_gives_the_recorded_logits(string name)
    {
        using var fixture = new FixtureModel(name);
        JsonElement padded = fixture.Expected.GetProperty("padded");
        int[][] ids = [.. padded.GetProperty("input_ids").EnumerateArray().Select(FixtureModel.Ids)];
        int[][] mask = [.. padded.GetProperty("attention_mask").EnumerateArray().Select(FixtureModel.Ids)];
        float[] logits = fixture.Tensor(padded.GetProperty("logits").GetString()!, out int vocabulary);
        int[][] sequences = PaddedBatch.ToSequences(ids, mask);
        using var generator = new Generator(fixture.Model.Transformer);
        var options = new GenerationOptions { MaxNewTokens = 1, OutputLogits = true, EosTokenIds = [] };
        IReadOnlyList<IReadOnlyList<GeneratedSequence>> found = generator.Generate([.. sequences.Select(prompt => new GenerationRequest(prompt, options))]);
        for (int row = 0; row < ids.Length; row++)
        {
            ReadOnlySpan<float> last = logits.AsSpan((((row + 1) * ids[row].Length) - 1) * vocabulary, vocabulary);
            for (int id = 0; id < vocabulary; id++)
            {
                Assert.Equal(last[id], found[row][0].Logits[0][id], fixture.Tolerance);
            }
        }
    }
}
