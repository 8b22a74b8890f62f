using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Tests.Generation;

namespace Palmyra.Tests.Evaluation;

/// <summary>The rules of protocols that act on logits: how many take part, and what a tie is.</summary>
public sealed class ScorerRuleTests
{
    [Theory]
    [InlineData("gptj", 100)]
    [InlineData("gptj", 384)]
    [InlineData("gptj", 511)]
    [InlineData("gpt2", 300)]
    [InlineData("gpt2", 1)]
    public void Only_the_first_logits_take_part_below_the_limit(string name, int limit)
    {
        using LanguageModel model = ScoringCases.OpenOnCpu(name);
        int[] ids = [.. ScoringCases.Tokens(40, 1).Select(id => id % limit)];
        float[] logits = Logits(model.Transformer, ids);
        using var scorer = new Scorer(model.Transformer, vocabularyLimit: limit);
        TokenScore[] scores = scorer.ScoreGroups([[new TokenRequest(ids, 1)]]).Single()[0];
        for (int t = 0; t < scores.Length; t++)
        {
            float[] cut = logits[(t * model.Config.VocabularySize)..][..limit];
            double largest = cut.Max();
            double logSum = largest + Math.Log(cut.Sum(logit => Math.Exp(logit - largest)));
            Assert.Equal(cut[ids[t + 1]] - logSum, scores[t].LogProbability, 1e-5);
            Assert.Equal(Array.IndexOf(cut, cut.Max()), scores[t].Best);
        }
    }

    [Fact]
    public void A_limit_that_cuts_nothing_changes_no_bit()
    {
        using LanguageModel model = ScoringCases.OpenOnCpu("gptj");
        using var plain = new Scorer(model.Transformer);
        using var exact = new Scorer(model.Transformer, vocabularyLimit: 512);
        using var wide = new Scorer(model.Transformer, vocabularyLimit: 50257);
        TokenScore[][][] expected = [.. plain.ScoreGroups(ScoringCases.Groups())];
        Assert.Equal(expected, exact.ScoreGroups(ScoringCases.Groups()));
        Assert.Equal(expected, wide.ScoreGroups(ScoringCases.Groups()));
    }

    [Fact]
    public void A_token_beyond_the_limit_is_read_but_not_scored()
    {
        using LanguageModel model = ScoringCases.OpenOnCpu("gptj");
        using var scorer = new Scorer(model.Transformer, vocabularyLimit: 100);
        Assert.Single(scorer.ScoreGroups([[new TokenRequest(new[] { 100, 99 }, 1)]]));
        Assert.Contains(
            "Token id 100 is to be scored, but only the first 100 logits take part",
            Assert.Throws<GenerationException>(() => scorer.ScoreGroups([[new TokenRequest(new[] { 1, 100 }, 1)]]).Count()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Ties_are_greedy_only_where_they_are_meant_to_be()
    {
        using var backend = new CpuBackend();
        using Transformer plain = TinyModel.Create(TinyModel.GptJ, backend);
        int[] context = TinyModel.Prompt(6);
        float[] logits = Logits(plain, context)[(5 * 40)..];
        int best = Array.IndexOf(logits, logits.Max());
        int twin = best == 39 ? 38 : 39;
        int[] byLogit = [.. Enumerable.Range(0, 40).OrderByDescending(id => logits[id])];
        int other = byLogit.First(id => id != best && id != twin);

        // The head's row of the best token, once more under another id; the bias of random weights is zero.
        var rows = new float[40 * 16];
        backend.ReadMatrix(plain.Weights.Head, rows);
        rows.AsSpan(best * 16, 16).CopyTo(rows.AsSpan(twin * 16));
        using Matrix head = backend.LoadMatrix(WeightView.FromArray("head", 40, 16, rows), MatrixFormat.F32);
        var tied = new Transformer(plain.Config, plain.Weights with { Head = head }, backend);
        TokenRequest[] choices = [.. new[] { best, twin, other }.Select(id => ScoringCases.Joined(context, [id]))];
        int first = Math.Min(best, twin);

        using var strict = new Scorer(tied);
        TokenScore[][] scores = strict.ScoreGroups([choices]).Single();
        Assert.Equal([first, first, first], scores.Select(choice => choice[0].Best));
        Assert.Equal(scores[0][0].LogProbability, scores[1][0].LogProbability);

        using var lenient = new Scorer(tied, tiesAreGreedy: true);
        TokenScore[][] ties = lenient.ScoreGroups([choices]).Single();
        Assert.Equal([best, twin, first], ties.Select(choice => choice[0].Best));
        Assert.Equal(scores.Select(choice => choice[0].LogProbability), ties.Select(choice => choice[0].LogProbability));
    }

    private static float[] Logits(Transformer model, int[] ids)
    {
        using var workspace = new Workspace(model.Backend, model.Config);
        var batch = new Batch();
        batch.Add(ids, 0, []);
        Tensor hidden = model.Forward(model.Backend.Prepare(batch, null), cache: null, workspace);
        var logits = new float[ids.Length * model.Config.VocabularySize];
        model.Backend.Read(model.Logits(hidden, [.. Enumerable.Range(0, ids.Length)], workspace), logits);
        return logits;
    }
}
