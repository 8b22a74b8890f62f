using System.Text.Json.Nodes;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Api;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>Answers that are none: each is refused in a sentence, and none is scored.</summary>
public sealed class CompletionsRefusalTests(StubModel stub) : IClassFixture<StubModel>
{
    private const string NoEcho = "http://api.test/v1/completions does not echo the prompt's log-probabilities, which scoring needs (";

    public static TheoryData<string, bool, string, string> Damages() => new()
    {
        // A server that leaves echo out, in its several ways.
        { "today", true, "c.logprobs = null", NoEcho + "choices[0].logprobs is null)" },
        { "today", true, "c.logprobs absent", NoEcho + "choices[0].logprobs is absent)" },
        { "today", true, "values absent", NoEcho + "choices[0].logprobs.token_logprobs is absent)" },
        { "today", true, "only generated", NoEcho + "choices[0].logprobs.token_logprobs has 1 entries)" },
        { "today", false, "only generated", NoEcho + "choices[0].logprobs.token_logprobs has 1 entries)" },
        { "legacy", true, "none", NoEcho + "choices[0].logprobs.token_logprobs has 0 entries)" },
        { "today", true, "all null", NoEcho + "all of choices[0].logprobs.token_logprobs are null)" },
        { "today", false, "other text", NoEcho + "choices[0].text does not begin with the prompt)" },

        // Token ids that are not taken as they are.
        { "today", true, "one more", "token_logprobs of the answer was expected to be 5 entries, 4 of the tokens sent and 1 generated; found 6: the server does not take token ids as they are; leave the tokenizer out" },
        { "today", true, "one less", "found 4: the server leaves out the token it was asked to generate; another dialect may suit it" },
        { "legacy", true, "one less", "token_logprobs of the answer was expected to be 4 entries, one for each token sent; found 3: the server does not take token ids" },

        { "today", true, "choices absent", "choices of the answer was expected to be one choice for each of 1 prompts; found absent." },
        { "today", true, "choices twice", "choices of the answer was expected to be one choice for each of 1 prompts; found 2." },
        { "today", true, "many choices", "choices of the answer was expected to be one choice for each of 1 prompts; found 100000." },
        { "today", true, "index 1", "choices[].index of the answer was expected to be numbers from 0 to 0; found 1." },
        { "today", true, "index absent", "choices[].index of the answer was expected to be numbers from 0 to 0; found absent." },
        { "today", true, "value null", "choices[0].logprobs.token_logprobs[3] of the answer was expected to be a finite number; found null." },
        { "today", true, "value NaN", "choices[0].logprobs.token_logprobs[3] of the answer was expected to be a finite number; found a text." },
        { "today", true, "value huge", "choices[0].logprobs.token_logprobs[3] of the answer was expected to be a finite number; found -1e999." },
        { "today", true, "top absent", "choices[0].logprobs.top_logprobs of the answer was expected to be 5 entries, as many as token_logprobs has; found absent." },
        { "today", true, "top short", "choices[0].logprobs.top_logprobs of the answer was expected to be 5 entries, as many as token_logprobs has; found 4." },
        { "today", true, "top null", "choices[0].logprobs.top_logprobs[3] of the answer was expected to be the best tokens with their log-probabilities; found null." },
        { "today", true, "top empty", "choices[0].logprobs.top_logprobs[3] of the answer was expected to be the best tokens with their log-probabilities; found none." },
        { "legacy", true, "tokens number", "choices[0].logprobs.tokens[3] of the answer was expected to be a token's text; found a number." },
        { "legacy", true, "surrogate", "texts in Unicode were expected in the answer; found an escape that is no character." },

        { "today", false, "offsets from 1", "choices[0].logprobs.text_offset[0] of the answer was expected to be 0; found 1." },
        { "today", false, "offsets back", "choices[0].logprobs.text_offset[2] of the answer was expected to be a number from 4 on; found 3." },
        { "today", false, "offsets past", "choices[0].logprobs.text_offset[3] of the answer was expected to be at most 16, the prompt's characters (code points); found 17." },
        { "today", false, "offsets bytes", "choices[0].logprobs.text_offset[4] of the answer was expected to be 16, the prompt's characters (code points); found 18." },
        { "legacy", false, "offsets low", "choices[0].logprobs.text_offset of the answer was expected to be tokens of the context and then of the continuation; found the continuation at token 4 of 4." },
        { "today", false, "many", "choices[0].logprobs.token_logprobs of the answer was expected to be at most 18 entries; found 1000." },

        { "today", true, "html", "an answer in JSON was expected; it does not parse: " },
        { "today", true, "bare NaN", "an answer in JSON was expected; it does not parse: " },
        { "today", true, "deep", "an answer in JSON was expected; it does not parse: " },
        { "today", true, "list", "choices of the answer was expected to be one choice for each of 1 prompts; found absent." },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_damaged_answer_is_refused(string name, bool asIds, string damage, string expected)
    {
        var handler = new StubHandler((body, _) => StubHandler.Json(Damaged(stub.Answer(body), damage)));
        CompletionsOptions options = ApiCases.Options(handler, CompletionsDialect.Find(name), asIds ? stub : null);
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => ApiCases.ScoreAsync(options, ApiCases.Items[..1]));
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.StartsWith("http://api.test/v1/completions", failure.Message, StringComparison.Ordinal);
        Assert.Single(handler.Sent);
    }

    [Fact]
    public async Task An_index_twice_is_refused()
    {
        var handler = new StubHandler((body, _) => StubHandler.Json(stub.Answer(body).ToJsonString().Replace("\"index\":1", "\"index\":0", StringComparison.Ordinal)));
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(
            () => ApiCases.ScoreAsync(ApiCases.Options(handler, stub: stub, batch: 2), ApiCases.Items[1..2]));
        Assert.EndsWith("choices[].index of the answer was expected to be each number once; found 0 twice.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endless_answer_is_cut_off()
    {
        using var endless = new EndlessStream();
        var handler = new StubHandler((_, _) => new HttpResponseMessage { Content = new StreamContent(endless) });
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(
            () => ApiCases.ScoreAsync(ApiCases.Options(handler, stub: stub), ApiCases.Items[..1]));
        Assert.Equal("http://api.test/v1/completions: an answer of at most 1029 KiB was expected, the most its prompts can need; found a longer one.", failure.Message);
        Assert.Equal((1L << 20) + (5 * 2 * 512) + 1, endless.Given);
    }

    [Fact]
    public async Task Many_long_prompts_may_be_answered_with_64_mebibytes()
    {
        using var endless = new EndlessStream();
        var handler = new StubHandler((_, _) => new HttpResponseMessage { Content = new StreamContent(endless) });
        EvaluationItem[] items = [.. Enumerable.Range(0, 100).Select(i => ApiCases.Item(i, (new string('a', 1000), $" {i}")))];
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => ApiCases.ScoreAsync(ApiCases.Options(handler, batch: 100), items));
        Assert.EndsWith("at most 65536 KiB was expected, the most its prompts can need; found a longer one. Send fewer prompts in a request.", failure.Message, StringComparison.Ordinal);
        Assert.Equal((64L << 20) + 1, endless.Given);
    }

    [Theory]
    [InlineData(true, "a", "", "Item 9: ")]
    [InlineData(false, "a", "", "Item 9: a continuation was expected; found an empty one.")]
    [InlineData(false, " ", "a", "Item 9 has no context, and its first token is scored after an end-of-text token, which no text can say; give the model's tokenizer.")]
    public async Task What_cannot_be_asked_is_refused(bool asIds, string context, string continuation, string expected)
    {
        var handler = new StubHandler((_, _) => StubHandler.Json("{}"));
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => ApiCases.ScoreAsync(
            ApiCases.Options(handler, stub: asIds ? stub : null), [ApiCases.Item(9, (context, continuation))]));
        Assert.StartsWith(expected, failure.Message, StringComparison.Ordinal);
        Assert.Empty(handler.Sent);
    }

    [Fact]
    public async Task A_whole_text_needs_the_tokenizer()
    {
        var handler = new StubHandler((_, _) => StubHandler.Json("{}"));
        EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => ApiCases.ScoreAsync(
            ApiCases.Options(handler), [new EvaluationItem { Index = 9, Requests = [new RollingRequest("a")] }]));
        Assert.StartsWith("Item 9 is a whole text", failure.Message, StringComparison.Ordinal);
    }

    // The answer is about "Once upon a time": four tokens, one of them scored, and in today's dialect a fifth that was generated.
    private static string Damaged(JsonObject answer, string damage)
    {
        JsonObject choice = answer["choices"]![0]!.AsObject();
        JsonObject logProbs = choice["logprobs"]!.AsObject();
        JsonArray values = logProbs["token_logprobs"]!.AsArray();
        JsonArray top = logProbs["top_logprobs"]!.AsArray();
        JsonArray offsets = logProbs["text_offset"]!.AsArray();
        switch (damage)
        {
            case "c.logprobs = null": choice["logprobs"] = null; break;
            case "c.logprobs absent": choice.Remove("logprobs"); break;
            case "values absent": logProbs.Remove("token_logprobs"); break;
            case "only generated": logProbs["token_logprobs"] = new JsonArray(values[^1]!.DeepClone()); break;
            case "none": values.Clear(); break;
            case "all null": logProbs["token_logprobs"] = new JsonArray(null, null, null, null, null); break;
            case "other text": choice["text"] = " and"; break;
            case "one more": values.Add(-1.0); break;
            case "one less": values.RemoveAt(values.Count - 1); break;
            case "choices absent": answer.Remove("choices"); break;
            case "choices twice": answer["choices"]!.AsArray().Add(choice.DeepClone()); break;
            case "many choices": answer["choices"] = new JsonArray([.. Enumerable.Range(0, 100_000).Select(_ => JsonValue.Create(1))]); break;
            case "index 1": choice["index"] = 1; break;
            case "index absent": choice.Remove("index"); break;
            case "value null": values[3] = null; break;
            case "value NaN": values[3] = "NaN"; break;
            case "value huge": values[3] = "HUGE"; return answer.ToJsonString().Replace("\"HUGE\"", "-1e999", StringComparison.Ordinal);
            case "top absent": logProbs.Remove("top_logprobs"); break;
            case "top short": top.RemoveAt(4); break;
            case "top null": top[3] = null; break;
            case "top empty": top[3] = new JsonObject(); break;
            case "tokens number": logProbs["tokens"]![3] = 3; break;
            case "surrogate": logProbs["tokens"]![3] = "HALF"; return answer.ToJsonString().Replace("HALF", "\\ud83e", StringComparison.Ordinal);
            case "offsets from 1": offsets[0] = 1; break;
            case "offsets back": offsets[2] = 3; break;
            case "offsets past": offsets[3] = 17; break;
            case "offsets bytes": offsets[4] = 18; break;
            case "offsets low": logProbs["text_offset"] = new JsonArray(0, 1, 2, 3); break;
            case "many": logProbs["token_logprobs"] = new JsonArray([.. Enumerable.Range(0, 1000).Select(_ => JsonValue.Create(-1.0))]); break;
            case "html": return "<html><body>busy</body></html>";
            case "bare NaN": values[3] = "NAN"; return answer.ToJsonString().Replace("\"NAN\"", "NaN", StringComparison.Ordinal);
            case "deep": return new string('[', 100) + new string(']', 100);
            case "list": return "[]";
            default: throw new ArgumentOutOfRangeException(nameof(damage), damage, null);
        }

        return answer.ToJsonString();
    }

    private sealed class EndlessStream : Stream
    {
        public long Given { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            buffer.AsSpan(offset, count).Fill((byte)' ');
            Given += count;
            return count;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
