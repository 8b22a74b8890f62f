using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Models;
using Palmyra.Storyteller;

namespace Palmyra.Tests.Evaluation;

public sealed class LocalTextScorerTests
{
    private const string Story = "Once upon a time there was an old woman who lived in a small house by the wood.";

    [Fact]
    public async Task Items_are_answered_in_order_whatever_the_batch()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        EvaluationItem[] items = [.. Enumerable.Range(0, 12).Select(Item)];
        List<ItemScore> expected = await Scores(model, 1, items);
        Assert.Equal(items.Select(item => item.Index), expected.Select(score => score.Item));
        foreach (int batch in new[] { 64, 300, 4096 })
        {
            List<ItemScore> scores = await Scores(model, batch, items);
            Assert.Equal(expected.SelectMany(score => score.Scores), scores.SelectMany(score => score.Scores));
            Assert.Equal(expected.Select(score => score.Item), scores.Select(score => score.Item));
        }
    }

    [Fact]
    public async Task Sums_are_those_of_the_tokens()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        using var scorer = new Scorer(model.Transformer);
        int[] ids = model.Tokenizer.Encode("Once upon a time there was", addSpecialTokens: false);
        int context = model.Tokenizer.Encode("Once upon a", addSpecialTokens: false).Length;
        TokenScore[] tokens = scorer.Score([ids])[0][(context - 1)..];

        var item = new EvaluationItem { Index = 7, Requests = [new ContinuationRequest("Once upon a", " time there was")] };
        ItemScore score = Assert.Single(await Scores(model, 1024, item));
        Assert.Equal(7, score.Item);
        RequestScore answer = Assert.Single(score.Scores);
        Assert.Equal(tokens.Sum(token => (double)token.LogProbability), answer.LogProbability);
        Assert.Equal(tokens.All(token => token.Best == token.Id), answer.IsGreedy);
        Assert.Equal(tokens.Length, answer.Tokens);
    }

    [Fact]
    public async Task A_long_text_is_the_sum_of_its_windows()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        string text = string.Concat(Enumerable.Repeat(Story + " ", 80));
        int[] ids = model.Tokenizer.Encode(text, addSpecialTokens: false);
        Assert.True(ids.Length > 2 * model.Config.ContextLength);

        // Computed directly: the input of each window, and those of its scores that are new.
        using var scorer = new Scorer(model.Transformer);
        int length = model.Config.ContextLength;
        int[] all = [4095, .. ids];
        double expected = 0;
        for (int done = 0; done < ids.Length;)
        {
            int end = Math.Min(ids.Length, done + length);
            int first = Math.Max(0, end - length);
            TokenScore[] scores = scorer.ScoreGroups([[new TokenRequest(all.AsMemory(first, end - first + 1), 1)]]).Single()[0];
            foreach (TokenScore score in scores.AsSpan(done - first))
            {
                expected += score.LogProbability;
            }

            done = end;
        }

        var item = new EvaluationItem { Index = 0, Requests = [new RollingRequest(text), new ContinuationRequest("Once", " upon"), new RollingRequest(Story)] };
        ItemScore answer = Assert.Single(await Scores(model, 256, item));
        Assert.Equal(expected, answer.Scores[0].LogProbability);
        Assert.Equal(ids.Length, answer.Scores[0].Tokens);
        Assert.Equal(1, answer.Scores[1].Tokens);
        Assert.Equal(model.Tokenizer.Encode(Story, addSpecialTokens: false).Length, answer.Scores[2].Tokens);
    }

    [Fact]
    public async Task Items_are_drawn_as_there_is_room()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        using var scorer = new LocalTextScorer(model, EvaluationProtocol.Today, batchTokens: 512);
        int drawn = 0, answered = 0;
        await foreach (ItemScore score in scorer.ScoreAsync(Draw()))
        {
            Assert.InRange(drawn - answered++, 0, 9);
        }

        Assert.Equal(200, answered);

        IEnumerable<EvaluationItem> Draw()
        {
            for (; drawn < 200; drawn++)
            {
                yield return Item(drawn);
            }
        }
    }

    [Fact]
    public async Task Cancellation_and_bad_items_end_the_run()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        using var scorer = new LocalTextScorer(model, EvaluationProtocol.Today);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await All(scorer, cancelled.Token, Item(0)));
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(
            async () => await All(scorer, CancellationToken.None, Item(0), new EvaluationItem { Index = 41, Requests = [new ContinuationRequest("Once", string.Empty)] }));
        Assert.Contains("Item 41", failure.Message, StringComparison.Ordinal);
        Assert.Single(await All(scorer, CancellationToken.None, Item(0)));
    }

    [Fact]
    public void The_description_says_what_is_known()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        using var scorer = new LocalTextScorer(model, EvaluationProtocol.Today);
        ModelDescription description = scorer.Description;
        Assert.Equal("storyteller", description.Name);
        Assert.Equal(("cpu, F16 weights", model.Backend.Description), (description.Where, description.On));
        Assert.Equal(new ModelSize(model.Config).Parameters, description.Parameters);
        Assert.Equal(6.0 * description.Parameters, description.TrainingFlopsPerToken["6ND"]);
        Assert.Equal(new FlopCount(model.Config).PalmTraining, description.TrainingFlopsPerToken["PaLM"]);
        Assert.Matches("^[0-9a-f]{64}$", description.Digest);
        Assert.Equal("f16", description.Weights);
        Assert.Null(description.TrainingTokens);

        using LanguageModel wide = LanguageModel.Open(DefaultModel.Folder, new LanguageModelOptions { Format = MatrixFormat.F32 });
        using var named = new LocalTextScorer(wide, EvaluationProtocol.Today, name: "mine");
        Assert.Equal("mine", named.Description.Name);
        Assert.Equal((description.Digest, "f32"), (named.Description.Digest, named.Description.Weights));
    }

    private static EvaluationItem Item(int index)
    {
        string context = Story[..(20 + (index % 30))];
        return new EvaluationItem
        {
            Index = index,
            Requests = [.. new[] { " king", " wolf and a king", " wolf" }.Take(1 + (index % 3)).Select(choice => new ContinuationRequest(context, choice))],
        };
    }

    private static async Task<List<ItemScore>> Scores(LanguageModel model, int batchTokens, params EvaluationItem[] items)
    {
        using var scorer = new LocalTextScorer(model, EvaluationProtocol.Today, batchTokens);
        return await All(scorer, CancellationToken.None, items);
    }

    private static async Task<List<ItemScore>> All(LocalTextScorer scorer, CancellationToken cancellation, params EvaluationItem[] items)
    {
        var scores = new List<ItemScore>();
        await foreach (ItemScore score in scorer.ScoreAsync(items, cancellation))
        {
            scores.Add(score);
        }

        return scores;
    }
}
