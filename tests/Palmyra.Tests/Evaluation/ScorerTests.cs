using System.Text.Json;
using Palmyra.Backends.Reference;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Testing;

namespace Palmyra.Tests.Evaluation;

public sealed class ScorerTests
{
    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void Log_probabilities_are_the_references_whatever_the_packing(string name)
    {
        using LanguageModel model = Open(name);
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path($"models/{name}/expected.json")));
        double bound = Math.Max(2e-4, 20 * expected.RootElement.GetProperty("max_abs_float32_minus_float64").GetDouble());
        JsonElement[] prompts = [.. expected.RootElement.GetProperty("prompts").EnumerateArray()];
        ReadOnlyMemory<int>[] ids = [.. prompts.Select(prompt => (ReadOnlyMemory<int>)Integers(prompt.GetProperty("input_ids")))];

        using var oneByOne = new Scorer(model.Transformer, rowsPerBatch: 1);
        using var together = new Scorer(model.Transformer, rowsPerBatch: 1000);
        IReadOnlyList<TokenScore[]> scores = oneByOne.Score(ids);
        Assert.Equal(scores, together.Score(ids));
        for (int i = 0; i < prompts.Length; i++)
        {
            double[] logProbabilities = [.. prompts[i].GetProperty("token_logprobs").EnumerateArray().Select(item => item.GetDouble())];
            int[] greedy = Integers(prompts[i].GetProperty("greedy_next"));
            Assert.Equal(logProbabilities.Length, scores[i].Length);
            for (int t = 0; t < scores[i].Length; t++)
            {
                Assert.Equal(logProbabilities[t], scores[i][t].LogProbability, bound);
                Assert.Equal(greedy[t], scores[i][t].Best);
            }
        }
    }

    [Fact]
    public void Windows_score_each_token_once()
    {
        using LanguageModel model = Open("gptj");
        using var scorer = new Scorer(model.Transformer);
        int[] ids = [.. Enumerable.Range(0, 100).Select(i => i * 37 % 512)];

        IReadOnlyList<TokenScore> disjoint = scorer.ScoreWindows(ids, window: 30, stride: 30);
        Assert.Equal(ids.Where((_, i) => i % 30 != 0), disjoint.Select(score => score.Id));
        IReadOnlyList<TokenScore[]> separately = scorer.Score([.. ids.Chunk(30).Select(chunk => (ReadOnlyMemory<int>)chunk)]);
        Assert.Equal(separately.SelectMany(scores => scores), disjoint);

        IReadOnlyList<TokenScore> overlapping = scorer.ScoreWindows(ids, window: 30, stride: 7);
        Assert.Equal(ids[1..], overlapping.Select(score => score.Id));
    }

    [Fact]
    public void Bad_sequences_are_refused()
    {
        using LanguageModel model = Open("gptj");
        using var scorer = new Scorer(model.Transformer);
        Assert.Contains("found 129", Assert.Throws<GenerationException>(() => scorer.Score([new int[129]])).Message, StringComparison.Ordinal);
        Assert.Contains("found 0", Assert.Throws<GenerationException>(() => scorer.Score([Array.Empty<int>()])).Message, StringComparison.Ordinal);
        Assert.Contains(
            "Token id 512 is outside the vocabulary, 0 to 511",
            Assert.Throws<GenerationException>(() => scorer.Score([new[] { 1, 512 }])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_waits_while_another_user_of_the_model_holds_its_backend()
    {
        using LanguageModel model = Open("gptj");
        using var scorer = new Scorer(model.Transformer);
        IReadOnlyList<TokenScore[]> scores = [];
        var scoring = new Thread(() => scores = scorer.Score([new[] { 1, 2, 3 }]));
        lock (model.Backend)
        {
            scoring.Start();
            Assert.False(scoring.Join(TimeSpan.FromMilliseconds(500)));
        }

        scoring.Join();
        Assert.Equal(2, scores[0].Length);
    }

    private static LanguageModel Open(string name) =>
        LanguageModel.Open(Fixtures.Path($"models/{name}"), new LanguageModelOptions { Backend = new ReferenceBackend() });

    private static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetInt32())];
}
