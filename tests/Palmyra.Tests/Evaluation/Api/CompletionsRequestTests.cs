using System.Net;
using System.Text.Json.Nodes;
using Palmyra.Diagnostics;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Api;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>What goes over the wire, field by field, and when it goes again.</summary>
public sealed class CompletionsRequestTests(StubModel stub) : IClassFixture<StubModel>
{
    [Theory]
    [InlineData("today", true, """{"model":"storyteller","prompt":[[IDS]],"temperature":0,"max_tokens":1,"logprobs":1,"seed":1234,"echo":true}""")]
    [InlineData("today", false, """{"model":"storyteller","prompt":"Once upon a time","temperature":0,"max_tokens":1,"logprobs":1,"seed":1234,"echo":true}""")]
    [InlineData("legacy", true, """{"model":"storyteller","prompt":[[IDS]],"temperature":0,"max_tokens":0,"logprobs":10,"seed":1234,"echo":true}""")]
    [InlineData("legacy", false, """{"model":"storyteller","prompt":"Once upon a time","temperature":0,"max_tokens":0,"logprobs":10,"seed":1234,"echo":true}""")]
    public async Task The_body_is_the_harnesss(string name, bool asIds, string expected)
    {
        StubHandler handler = Answering();
        await ApiCases.ScoreAsync(ApiCases.Options(handler, CompletionsDialect.Find(name), asIds ? stub : null), ApiCases.Items[..1]);
        string ids = string.Join(',', stub.Model.Tokenizer.Encode("Once upon a time"));
        Assert.Equal(expected.Replace("IDS", ids, StringComparison.Ordinal), Assert.Single(handler.Sent).Body);
    }

    [Fact]
    public async Task Several_texts_go_as_a_list()
    {
        StubHandler handler = Answering();
        await ApiCases.ScoreAsync(ApiCases.Options(handler, batch: 5), ApiCases.Items[..2]);
        Assert.Equal(
            """["Once upon a time","The old man went to the sea","The old man went to the house and slept."]""",
            JsonNode.Parse(Assert.Single(handler.Sent).Body)!["prompt"]!.ToJsonString());
    }

    [Theory]
    [InlineData("secret-1", "Authorization: Bearer secret-1")]
    [InlineData("", null)]
    [InlineData(null, null)]
    public async Task The_key_goes_into_its_header_alone(string? key, string? expected)
    {
        StubHandler handler = Answering();
        await ApiCases.ScoreAsync(ApiCases.Options(handler, stub: stub, key: key), ApiCases.Items[..1]);
        (Uri address, string headers, string body) = Assert.Single(handler.Sent);
        Assert.Equal(ApiCases.Address, address);
        Assert.StartsWith("POST\n", headers, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/json", headers, StringComparison.Ordinal);
        Assert.Equal(expected, headers.Split('\n').Select(line => line.Trim()).SingleOrDefault(line => line.StartsWith("Authorization", StringComparison.Ordinal)));
        Assert.DoesNotContain("secret-1", body, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_has_the_address_without_its_query()
    {
        using var scorer = new CompletionsTextScorer(new CompletionsOptions
        {
            Address = new Uri("https://api.test:8443/v1/completions?key=secret-1"), Model = "m", ApiKey = "secret-1",
        });
        Assert.Equal("m", scorer.Description.Name);
        Assert.Equal("https://api.test:8443/v1/completions", scorer.Description.Where);
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_after_as_long_as_it_says()
    {
        var time = new FastTime();
        var handler = new StubHandler((body, number) =>
        {
            if (number >= 4)
            {
                return StubHandler.Json(stub.Answer(body).ToJsonString());
            }

            HttpResponseMessage busy = StubHandler.Json("{}", number == 0 ? HttpStatusCode.TooManyRequests : HttpStatusCode.ServiceUnavailable);
            busy.Headers.RetryAfter = number switch
            {
                0 => new(TimeSpan.FromSeconds(7)),
                1 => new(TimeSpan.FromHours(2)),
                2 => new(DateTimeOffset.UnixEpoch.AddSeconds(30)),
                _ => null,
            };
            return busy;
        });
        CompletionsOptions options = Options(handler, time, attempts: 5);
        Assert.Single(await ApiCases.ScoreAsync(options, ApiCases.Items[..1]));
        Assert.Equal([7, 60, 30, 8], time.Waits);
    }

    [Fact]
    public async Task Waits_double_up_to_ten_seconds_and_an_end_is_made()
    {
        var time = new FastTime();
        var handler = new StubHandler((_, _) => StubHandler.Json("""{"error":{"message":"overloaded"}}""", HttpStatusCode.InternalServerError));
        EvaluationException failure = await FailsAsync(Options(handler, time, attempts: 7));
        Assert.Equal("http://api.test/v1/completions: no answer after 7 attempts: status 500, \"overloaded\".", failure.Message);
        Assert.Equal([1, 2, 4, 8, 10, 10], time.Waits);
        Assert.Equal(7, handler.Sent.Count);
    }

    [Fact]
    public async Task Three_attempts_are_made_by_default()
    {
        var time = new FastTime();
        var handler = new StubHandler((_, _) => throw new HttpRequestException("Connection refused (api.test:80)"));
        EvaluationException failure = await FailsAsync(ApiCases.Options(handler, time: time));
        Assert.Equal("http://api.test/v1/completions: no answer after 3 attempts: the connection failed: Connection refused (api.test:80)", failure.Message);
        Assert.Equal([1, 2], time.Waits);
    }

    [Fact]
    public async Task Nothing_within_the_time_is_a_timeout()
    {
        var handler = new StubHandler(async (_, _, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException();
        });
        EvaluationException failure = await FailsAsync(ApiCases.Options(handler, time: new FastTime { TimesOut = true }));
        Assert.Equal("http://api.test/v1/completions: no answer after 3 attempts: nothing came within 300 seconds.", failure.Message);
        Assert.Equal(3, handler.Sent.Count);
    }

    [Theory]
    [InlineData(401, """{"error":{"message":"Incorrect API key\n provided: secret-1."}}""", "status 401, \"Incorrect API key provided: (key).\". The key came from OPENAI_API_KEY.")]
    [InlineData(400, """{"detail":"prompt too long"}""", "status 400, \"prompt too long\".")]
    [InlineData(422, "plain secret-1 words", "status 422, \"plain (key) words\".")]
    [InlineData(404, "<!DOCTYPE html><p>secret-1", "status 404, with a page for a browser. The address must be complete, /v1/completions included.")]
    [InlineData(302, "", "status 302. Redirects are not followed; give the address it leads to.")]
    public async Task A_refusal_is_quoted_at_once_and_without_the_key(int status, string body, string expected)
    {
        var time = new FastTime();
        var handler = new StubHandler((_, _) => StubHandler.Json(body, (HttpStatusCode)status));
        EvaluationException failure = await FailsAsync(ApiCases.Options(handler, time: time, key: "secret-1"));
        Assert.Equal($"http://api.test/v1/completions: no answer: {expected}", failure.Message);
        Assert.DoesNotContain("secret-1", failure.ToString(), StringComparison.Ordinal);
        Assert.Empty(time.Waits);
    }

    [Theory]
    [InlineData(null, "No key was given; set MY_KEY.")]
    [InlineData("", "No key was given; set MY_KEY.")]
    [InlineData("secret-1", "The key came from MY_KEY.")]
    public async Task A_refused_key_is_called_by_its_place(string? key, string expected)
    {
        var handler = new StubHandler((_, _) => StubHandler.Json("", HttpStatusCode.Forbidden));
        EvaluationException failure = await FailsAsync(new CompletionsOptions
        {
            Address = ApiCases.Address, Model = "m", Handler = handler, ApiKey = key, KeySource = "MY_KEY",
        });
        Assert.EndsWith($"status 403. {expected}", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_say_what_answers_depend_on()
    {
        var handler = new StubHandler((_, _) => StubHandler.Json("{}"));
        Assert.Equal("dialect today, at most 2048 tokens, prompts as text", CompletionsTextScorer.SettingsOf(ApiCases.Options(handler)));
        Assert.Equal(
            $"dialect legacy, at most 64 tokens, prompts as ids of tokenizer {stub.Model.Tokenizer.Digest}",
            CompletionsTextScorer.SettingsOf(ApiCases.Options(handler, CompletionsDialect.Legacy, stub)));
    }

    [Theory]
    [InlineData("ftp://api.test/v1/completions", null, "was expected to be like http://")]
    [InlineData("http://me:secret-1@api.test/v1/completions", null, "without a user's name or password")]
    [InlineData("http://api.test/v1/chat/completions", null, "is a chat endpoint")]
    [InlineData("http://api.test/v1/completions", "secret-1\n", "printable ASCII")]
    public void An_address_or_key_that_cannot_work_is_refused_before_anything_is_sent(string address, string? key, string expected)
    {
        EvaluationException failure = Assert.Throws<EvaluationException>(
            () => new CompletionsTextScorer(new CompletionsOptions { Address = new Uri(address), Model = "m", ApiKey = key }));
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-1", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_protocol_that_encodes_differently_needs_the_tokenizer()
    {
        EvaluationException failure = Assert.Throws<EvaluationException>(() => new CompletionsTextScorer(
            new CompletionsOptions { Address = ApiCases.Address, Model = "m", Protocol = EvaluationProtocol.Harness2021 }));
        Assert.StartsWith("Protocol \"2021\" says how texts become tokens", failure.Message, StringComparison.Ordinal);
    }

    private static CompletionsOptions Options(StubHandler handler, FastTime time, int attempts) => new()
    {
        Address = ApiCases.Address, Model = "storyteller", Handler = handler, Time = time, Attempts = attempts,
    };

    private static Task<EvaluationException> FailsAsync(CompletionsOptions options) =>
        Assert.ThrowsAsync<EvaluationException>(() => ApiCases.ScoreAsync(options, ApiCases.Items[..1]));

    private StubHandler Answering() => new((body, _) => StubHandler.Json(stub.Answer(body).ToJsonString()));
}
