using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Evaluation.Api;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Testing;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>The same model asked over an API and asked here says the same, to the last bit.</summary>
public sealed class CompletionsScoringTests(StubModel stub) : IClassFixture<StubModel>
{
    public static TheoryData<string, bool, int, int> Ways()
    {
        var ways = new TheoryData<string, bool, int, int>();
        foreach (string dialect in new[] { "today", "legacy" })
        {
            foreach (bool asIds in new[] { true, false })
            {
                foreach ((int concurrency, int batch) in new[] { (1, 1), (4, 1), (1, 3), (4, 3) })
                {
                    ways.Add(dialect, asIds, concurrency, batch);
                }
            }
        }

        return ways;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_served_model_scores_as_here(string name, bool asIds, int concurrency, int batch)
    {
        CompletionsDialect dialect = CompletionsDialect.Find(name)!;
        var random = new Random(1);
        var handler = new StubHandler(async (body, _, cancellation) =>
        {
            int wait;
            lock (random)
            {
                wait = random.Next(4);
            }

            // Answers overtake each other, and choices come in any order.
            await Task.Delay(wait, cancellation);
            JsonObject answer = stub.Answer(body);
            JsonNode?[] choices = [.. answer["choices"]!.AsArray()];
            answer["choices"]!.AsArray().Clear();
            Random.Shared.Shuffle(choices);
            answer["choices"] = new JsonArray(choices);
            return StubHandler.Json(answer.ToJsonString());
        });
        EvaluationItem[] items = [.. Enumerable.Range(0, 4).SelectMany(_ => ApiCases.Items)];
        List<ItemScore> scores = await ApiCases.ScoreAsync(
            ApiCases.Options(handler, dialect, asIds ? stub : null, concurrency, batch), items);
        AssertLocal(items, scores, asIds ? ApiCases.MaxLength - dialect.MaxTokens : 2048);
        Assert.True(handler.MostInFlight <= concurrency);
        Assert.Equal(Math.Ceiling(4 * 8 / (double)batch), handler.Sent.Count);
    }

    /// <summary>With PALMYRA_RECORD=api in the environment the files are written anew first.</summary>
    [Theory]
    [InlineData("today", true)]
    [InlineData("today", false)]
    [InlineData("legacy", true)]
    [InlineData("legacy", false)]
    public async Task Recorded_answers_score_as_here(string name, bool asIds)
    {
        string path = Fixtures.Path($"api/{name}-{(asIds ? "ids" : "text")}.json");
        CompletionsDialect dialect = CompletionsDialect.Find(name)!;

        // The last item is about prompts that are cut, which texts are not.
        EvaluationItem[] items = asIds ? ApiCases.Items : ApiCases.Items[..^1];
        if (Environment.GetEnvironmentVariable("PALMYRA_RECORD") == "api")
        {
            var recorded = new JsonArray();
            var recorder = new StubHandler((body, _) =>
            {
                JsonObject answer = stub.Answer(body);
                recorded.Add((JsonNode)new JsonObject { ["request"] = JsonNode.Parse(body), ["response"] = answer.DeepClone() });
                return StubHandler.Json(answer.ToJsonString());
            });
            await ApiCases.ScoreAsync(ApiCases.Options(recorder, dialect, asIds ? stub : null), items);
            File.WriteAllText(path, recorded.ToJsonString() + "\n");
        }

        JsonObject[] exchanges = [.. JsonNode.Parse(File.ReadAllText(path))!.AsArray().Select(exchange => exchange!.AsObject())];
        var handler = new StubHandler((body, _) =>
        {
            JsonNode asked = JsonNode.Parse(body)!;
            return StubHandler.Json(exchanges.Single(exchange => JsonNode.DeepEquals(exchange["request"], asked))["response"]!.ToJsonString());
        });
        List<ItemScore> scores = await ApiCases.ScoreAsync(ApiCases.Options(handler, dialect, asIds ? stub : null), items);

        // Recorded where multiply and add are fused; a processor without that rounds twice.
        AssertLocal(items, scores, asIds ? ApiCases.MaxLength - dialect.MaxTokens : 2048, apart: FusedArithmetic.IsSupported ? 0 : 1e-4);
        Assert.Equal(exchanges.Length, handler.Sent.Count);
        Assert.Contains(scores.SelectMany(score => score.Scores), score => score.IsGreedy);
        Assert.Contains(scores.SelectMany(score => score.Scores), score => !score.IsGreedy);
        Assert.Equal(asIds, scores[^1].Scores.All(score => score.IsCut));
    }

    [Theory]
    [InlineData("today")]
    [InlineData("legacy")]
    public async Task Whole_texts_are_scored_in_windows(string name)
    {
        CompletionsDialect dialect = CompletionsDialect.Find(name)!;
        int longest = ApiCases.MaxLength - dialect.MaxTokens;
        string text = string.Concat(Enumerable.Repeat("The fox went home, and the bird sang. ", 20));
        var handler = new StubHandler((body, _) => StubHandler.Json(stub.Answer(body).ToJsonString()));
        using var scorer = new CompletionsTextScorer(ApiCases.Options(handler, dialect, stub, concurrency: 2));
        ItemScore found = await scorer.ScoreAsync([new EvaluationItem { Index = 0, Requests = [new RollingRequest(text)] }]).FirstAsync();

        int[] ids = [stub.Model.Tokenizer.BosId!.Value, .. stub.Model.Tokenizer.Encode(text)];
        double sum = 0;
        int sent = 0;
        for (int at = 1; at < ids.Length; at += longest - 1)
        {
            int end = Math.Min(ids.Length, at + longest - 1);
            sum += stub.Local(ids.AsSpan(Math.Max(0, end - longest)..end), end - at, longest).LogProbability;
            sent += Math.Min(end, longest);
        }

        Assert.Equal(new RequestScore(sum, false, ids.Length - 1), Assert.Single(found.Scores));
        Assert.True(handler.Sent.Count > 3);
        Assert.Equal(sent, scorer.TokensComputed);
    }

    [Fact]
    public async Task Items_are_drawn_as_there_is_room_and_stay_in_order()
    {
        int drawn = 0;
        int received = 0;
        IEnumerable<EvaluationItem> Items()
        {
            for (; drawn < 40; drawn++)
            {
                // Six on their way, and two that were answered and are about to be handed out.
                Assert.True(drawn - received < 8);
                yield return ApiCases.Item(100 - drawn, ("Once upon a", $" time {drawn}"));
            }
        }

        var handler = new StubHandler((body, _) => StubHandler.Json(stub.Answer(body).ToJsonString()));
        using var scorer = new CompletionsTextScorer(ApiCases.Options(handler, null, stub, concurrency: 3, batch: 2));
        await foreach (ItemScore score in scorer.ScoreAsync(Items()))
        {
            Assert.Equal(100 - received++, score.Item);
        }

        Assert.Equal(40, received);
    }

    [Fact]
    public async Task Cancelling_ends_what_is_in_flight()
    {
        using var cancel = new CancellationTokenSource();
        int cancelled = 0;
        var handler = new StubHandler(async (_, number, cancellation) =>
        {
            if (number == 2)
            {
                cancel.Cancel();
            }

            await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(_ => Interlocked.Increment(ref cancelled), TaskScheduler.Default);
            cancellation.ThrowIfCancellationRequested();
            return StubHandler.Json("{}");
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => ApiCases.ScoreAsync(ApiCases.Options(handler, null, stub, concurrency: 3), ApiCases.Items, cancel.Token));
        Assert.Equal(handler.Sent.Count, cancelled);
    }

    [Fact]
    public async Task A_real_connection_carries_it()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var heads = new List<string>();
        Task serving = Task.Run(async () =>
        {
            for (int i = 0; i < 3; i++)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                await using NetworkStream stream = client.GetStream();
                (string head, string body) = await ReadRequestAsync(stream);
                heads.Add(head);
                byte[] answer = Encoding.UTF8.GetBytes(stub.Answer(body).ToJsonString());
                await stream.WriteAsync(Encoding.ASCII.GetBytes(
                    $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {answer.Length}\r\nConnection: close\r\n\r\n"));

                // The first connection breaks off in the middle of its answer.
                await stream.WriteAsync(answer.AsMemory(0, i == 0 ? 100 : answer.Length));
            }
        });
        var options = new CompletionsOptions
        {
            Address = new Uri($"http://127.0.0.1:{port}/v1/completions"),
            Model = "storyteller",
            Tokenizer = stub.Model.Tokenizer,
            ApiKey = "secret-1",
            BatchSize = 2,
            Time = new FastTime(),
        };
        EvaluationItem[] items = ApiCases.Items[..2];
        List<ItemScore> scores = await ApiCases.ScoreAsync(options, items);
        await serving;
        AssertLocal(items, scores, 2047);
        Assert.Equal(3, heads.Count);
        Assert.All(heads, head => Assert.StartsWith("POST /v1/completions HTTP/1.1\r\n", head, StringComparison.Ordinal));
        Assert.All(heads, head => Assert.Contains("\r\nAuthorization: Bearer secret-1\r\n", head, StringComparison.Ordinal));
        Assert.All(heads, head => Assert.Contains("\r\nContent-Type: application/json\r\n", head, StringComparison.Ordinal));
    }

    private void AssertLocal(EvaluationItem[] items, List<ItemScore> scores, int longest, double apart = 0)
    {
        Assert.Equal(items.Select(item => item.Index), scores.Select(score => score.Item));
        Assert.Equal(items.Select(item => item.Requests.Count), scores.Select(score => score.Scores.Count));
        Assert.All(items.Zip(scores), pair => Assert.All(
            ApiCases.Expected(stub, pair.First, longest).Zip(pair.Second.Scores, (expected, found) => (Expected: expected, Found: found)),
            request =>
            {
                Assert.InRange(request.Found.LogProbability, request.Expected.LogProbability - apart, request.Expected.LogProbability + apart);
                Assert.Equal((request.Expected.IsGreedy, request.Expected.Tokens), (request.Found.IsGreedy, request.Found.Tokens));
            }));
    }

    private static async Task<(string Head, string Body)> ReadRequestAsync(NetworkStream stream)
    {
        var bytes = new List<byte>();
        byte[] one = new byte[1];
        while (!(bytes.Count >= 4 && bytes[^4..] is [13, 10, 13, 10]))
        {
            await stream.ReadExactlyAsync(one);
            bytes.Add(one[0]);
        }

        string head = Encoding.ASCII.GetString([.. bytes]);
        string length = head.Split("\r\n").Single(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal));
        byte[] body = new byte[int.Parse(length["Content-Length: ".Length..])];
        await stream.ReadExactlyAsync(body);
        return (head, Encoding.UTF8.GetString(body));
    }
}
