using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Testing;

namespace Palmyra.Tests.Evaluation;

public sealed class GroupScoringTests
{
    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void Continuations_score_what_the_reference_recorded(string name)
    {
        using LanguageModel model = ScoringCases.OpenOnCpu(name);
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path($"models/{name}/expected.json")));
        double bound = Math.Max(2e-4, 20 * expected.RootElement.GetProperty("max_abs_float32_minus_float64").GetDouble());
        using var scorer = new Scorer(model.Transformer);
        foreach (JsonElement prompt in expected.RootElement.GetProperty("prompts").EnumerateArray())
        {
            int[] ids = [.. prompt.GetProperty("input_ids").EnumerateArray().Select(item => item.GetInt32())];
            double[] recorded = [.. prompt.GetProperty("token_logprobs").EnumerateArray().Select(item => item.GetDouble())];
            int[] greedy = [.. prompt.GetProperty("greedy_next").EnumerateArray().Select(item => item.GetInt32())];

            // Every way to cut the prompt, and its beginnings, in one group.
            TokenRequest[] group =
            [
                .. Enumerable.Range(1, ids.Length).Select(context => new TokenRequest(ids, context)),
                .. Enumerable.Range(1, ids.Length).Select(length => new TokenRequest(ids.AsMemory(0, length), (length + 1) / 2)),
            ];
            TokenScore[][] scores = Assert.Single(scorer.ScoreGroups([group]));
            for (int i = 0; i < group.Length; i++)
            {
                Assert.Equal(group[i].Continuation.ToArray(), scores[i].Select(score => score.Id));
                for (int t = 0; t < scores[i].Length; t++)
                {
                    int at = group[i].ContextLength - 1 + t;
                    Assert.Equal(recorded[at], scores[i][t].LogProbability, bound);
                    Assert.Equal(greedy[at], scores[i][t].Best);
                }
            }
        }
    }

    [Theory]
    [InlineData("gptj", MatrixFormat.F32)]
    [InlineData("gpt2", MatrixFormat.F16)]
    [InlineData("gpt-neo", MatrixFormat.BF16)]
    [InlineData("gpt-neo", MatrixFormat.F32)]
    [InlineData("gptj", MatrixFormat.Q8)]
    [InlineData("gpt2", MatrixFormat.Q4)]
    public void Groups_batches_order_and_threads_change_no_bit(string name, MatrixFormat format)
    {
        List<TokenRequest[]> groups = ScoringCases.Groups();
        TokenScore[][][] expected;
        using (LanguageModel model = ScoringCases.OpenOnCpu(name, threads: 1, format))
        {
            using var scorer = new Scorer(model.Transformer);
            expected = OneByOne(scorer, groups);
        }

        foreach (int threads in new[] { 1, 2, 3 })
        {
            using LanguageModel model = ScoringCases.OpenOnCpu(name, threads, format);
            foreach (int rows in new[] { 1, 7, 64, 300, 4096 })
            {
                using var scorer = new Scorer(model.Transformer, rows);
                Assert.Equal(expected, scorer.ScoreGroups(groups));

                int[] order = [.. Enumerable.Range(0, groups.Count)];
                new Random(rows).Shuffle(order);
                Assert.Equal(order.Select(i => expected[i]), scorer.ScoreGroups(order.Select(i => groups[i])));

                // Any partition of the same requests.
                Assert.Equal(
                    expected.SelectMany(scores => scores).Chunk(11),
                    scorer.ScoreGroups(groups.SelectMany(group => group).Chunk(11)));
            }
        }
    }

    [Fact]
    public void The_reference_backend_scores_groups_as_one_by_one()
    {
        List<TokenRequest[]> groups = ScoringCases.Groups();
        using LanguageModel model = LanguageModel.Open(
            Fixtures.Path("models/gptj"), new LanguageModelOptions { Backend = new CheckedBackend(new ReferenceBackend()) });
        using var scorer = new Scorer(model.Transformer, 200);
        Assert.Equal(OneByOne(scorer, groups), scorer.ScoreGroups(groups));
    }

    [Fact]
    public void What_a_group_shares_runs_once()
    {
        using LanguageModel model = ScoringCases.OpenOnCpu("gptj");
        int[] context = ScoringCases.Tokens(40, 1);
        TokenRequest[] choices = [.. Enumerable.Range(0, 4).Select(choice => ScoringCases.Joined(context, ScoringCases.Tokens(6, 2 + choice)))];
        Assert.Equal(40 + (4 * 5), Computed(1024, [choices]));
        Assert.Equal(40 + (4 * 5), Computed(1024, [[.. choices, .. choices]]));
        Assert.Equal(4 * 45, Computed(1024, choices.Select(choice => new[] { choice })));

        // Inputs that differ in their last token alone are one input, which no cache is needed for.
        Assert.Equal(40, Computed(1024, [[.. Enumerable.Range(0, 4).Select(token => ScoringCases.Joined(context, [token]))]]));

        // Room for two pages: the trunk's, in which the first branch goes on, and another's. The beginning runs anew for every two.
        Assert.Equal(2 * (40 + (2 * 5)), Computed(128, [choices]));
        Assert.Equal(4 * 45, Computed(1, [choices]));

        long Computed(int rows, IEnumerable<IReadOnlyList<TokenRequest>> groups)
        {
            using var scorer = new Scorer(model.Transformer, rows);
            Assert.All(scorer.ScoreGroups(groups), scores => Assert.All(scores, Assert.NotEmpty));
            return scorer.TokensComputed;
        }
    }

    [Fact]
    public void A_long_stream_is_read_no_further_than_a_batch_ahead()
    {
        using LanguageModel model = ScoringCases.OpenOnCpu("gptj");
        using var scorer = new Scorer(model.Transformer, rowsPerBatch: 512);
        int drawn = 0, answered = 0, ahead = 0;
        foreach (TokenScore[][] scores in scorer.ScoreGroups(Endless().Take(2000)))
        {
            Assert.Equal(answered % 500, scores[0][0].Id);
            ahead = Math.Max(ahead, drawn - answered);
            answered++;
        }

        Assert.Equal(2000, answered);

        // Eight pages, and the group that did not fit any more.
        Assert.Equal(9, ahead);

        IEnumerable<TokenRequest[]> Endless()
        {
            while (true)
            {
                yield return [ScoringCases.Joined([1, 2], [drawn++ % 500])];
            }
        }
    }

    [Fact]
    public void Cancellation_stops_between_batches()
    {
        using LanguageModel model = ScoringCases.OpenOnCpu("gptj");
        using var scorer = new Scorer(model.Transformer, rowsPerBatch: 1);
        using var cancellation = new CancellationTokenSource();
        int answered = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (TokenScore[][] scores in scorer.ScoreGroups(ScoringCases.Groups(), cancellation.Token))
            {
                answered++;
                cancellation.Cancel();
            }
        });
        Assert.Equal(1, answered);
    }

    [Fact]
    public void Bad_requests_are_refused()
    {
        using LanguageModel model = ScoringCases.OpenOnCpu("gptj");
        using var scorer = new Scorer(model.Transformer);
        Refused("at most 129 tokens, one more than the model's context; found 130", new TokenRequest(new int[130], 1));
        Refused("a context of 1 to 3 tokens, those it has; found 0", new TokenRequest(new int[3], 0));
        Refused("a context of 1 to 3 tokens, those it has; found 4", new TokenRequest(new int[3], 4));
        Refused("Token id 512 is outside the vocabulary, 0 to 511", new TokenRequest(new[] { 512, 1 }, 1));
        Refused("Token id -1 is outside the vocabulary", new TokenRequest(new[] { 1, -1 }, 1));

        void Refused(string message, TokenRequest request) => Assert.Contains(
            message,
            Assert.Throws<GenerationException>(() => scorer.ScoreGroups([[request]]).Count()).Message,
            StringComparison.Ordinal);
    }

    private static TokenScore[][][] OneByOne(Scorer scorer, List<TokenRequest[]> groups) =>
        [.. groups.Select(group => group.Select(request => scorer.ScoreGroups([[request]]).Single()[0]).ToArray())];
}
