using Palmyra.Diagnostics;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Storyteller;
using Palmyra.Testing;
using Palmyra.Tests.Generation;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Evaluation;

public sealed class PromptEncoderTests : IDisposable
{
    private const int EndOfText = 4095;

    private static readonly GptTokenizer Tokenizer = GptTokenizer.Open(DefaultModel.Folder);
    private static readonly ModelConfig Config = ModelConfigReader.ReadFile(Path.Combine(DefaultModel.Folder, "config.json"));
    private static readonly EvaluationProtocol Unrepaired = EvaluationProtocol.MeshTransformerJax with { RepairsText = false };

    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-").FullName;

    [Theory]
    [InlineData("Once upon a", " time", "Once upon a", " time")]
    [InlineData("Once upon a ", "time", "Once upon a", " time")]
    [InlineData("Once upon a \t\n", "time", "Once upon a", " \t\ntime")]
    [InlineData("Once\u00A0", " upon", "Once", "\u00A0 upon")]
    [InlineData("Once\u001F\u2003", "upon", "Once", "\u001F\u2003upon")]
    [InlineData("Once\u200B", " upon", "Once\u200B", " upon")]
    [InlineData("Once upon a tim", "e there was", "Once upon a tim", "e there was")]
    public void Joint_encoding_cuts_the_joint_text_at_the_contexts_count(string context, string continuation, string left, string right)
    {
        int[] contextIds = Ids(left);
        TokenRequest request = Encode(EvaluationProtocol.Today, context, continuation);
        Assert.Equal(contextIds, request.Ids[..request.ContextLength].ToArray());
        Assert.Equal(Ids(left + right)[contextIds.Length..], request.Continuation.ToArray());
    }

    [Fact]
    public void Separate_encoding_leaves_blanks_where_they_are()
    {
        TokenRequest request = Encode(EvaluationProtocol.Harness2021, "Once upon a ", "time");
        Assert.Equal(Ids("Once upon a "), request.Ids[..request.ContextLength].ToArray());
        Assert.Equal(Ids("time"), request.Continuation.ToArray());
        Assert.NotEqual(Ids("Once upon a time"), request.Ids.ToArray());
    }

    [Fact]
    public void Mesh_transformer_jax_starts_with_end_of_text_and_repairs_what_it_reads()
    {
        TokenRequest request = Encode(EvaluationProtocol.MeshTransformerJax, "\u201CIt\u2019s", " \uFB01ne\u2026");
        Assert.Equal([EndOfText, .. Ids("\"It's")], request.Ids[..request.ContextLength].ToArray());
        Assert.Equal(Ids(" fine..."), request.Continuation.ToArray());
    }

    [Fact]
    public void An_empty_context_is_one_token()
    {
        foreach (EvaluationProtocol protocol in new[] { EvaluationProtocol.Today, EvaluationProtocol.Harness2021, Unrepaired })
        {
            TokenRequest request = Encode(protocol, string.Empty, "Once upon");
            Assert.Equal(1, request.ContextLength);
            Assert.Equal([EndOfText, .. Ids("Once upon")], request.Ids.ToArray());
        }

        // Blanks alone go to the continuation.
        Assert.Equal([EndOfText, .. Ids("  Once")], Encode(EvaluationProtocol.Today, " ", " Once").Ids.ToArray());
    }

    [Fact]
    public void A_continuation_that_begins_with_the_token_has_its_context_today()
    {
        const string Text = "<|endoftext|>Once upon";
        TokenRequest today = Encode(EvaluationProtocol.Today, string.Empty, Text);
        Assert.Equal([EndOfText, .. Ids("Once upon")], today.Ids.ToArray());
        Assert.Equal(1, today.ContextLength);
        Assert.Equal([EndOfText, EndOfText, .. Ids("Once upon")], Encode(EvaluationProtocol.Harness2021, string.Empty, Text).Ids.ToArray());
    }

    [Fact]
    public void End_of_text_precedes_every_context_where_the_protocol_says_so()
    {
        TokenRequest request = Encode(Unrepaired, "Once upon a", " time");
        Assert.Equal([EndOfText, .. Ids("Once upon a"), .. Ids(" time")], request.Ids.ToArray());
        Assert.Equal(1 + Ids("Once upon a").Length, request.ContextLength);
    }

    [Fact]
    public void Begin_is_todays_prefix_and_end_the_one_of_2021()
    {
        foreach (string name in new[] { "vocab.json", "merges.txt" })
        {
            File.Copy(Path.Combine(DefaultModel.Folder, name), Path.Combine(_folder, name));
        }

        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), """{"bos_token": "!", "eos_token": "<|endoftext|>"}""");
        GptTokenizer tokenizer = GptTokenizer.Open(_folder);
        Assert.Equal(tokenizer.IdOf("!"), new PromptEncoder(tokenizer, Config, EvaluationProtocol.Today).Prefix);
        Assert.Equal(EndOfText, new PromptEncoder(tokenizer, Config, EvaluationProtocol.Harness2021).Prefix);
        Assert.Equal(EndOfText, new PromptEncoder(tokenizer, Config, Unrepaired).Prefix);
    }

    [Theory]
    [InlineData("today", 9)]
    [InlineData("2021", 9)]
    [InlineData("mtj", 8)]
    public void What_is_too_long_loses_its_first_tokens(string name, int kept)
    {
        EvaluationProtocol protocol = name == "mtj" ? Unrepaired : EvaluationProtocol.Find(name)!;
        string words = string.Concat(Enumerable.Repeat(" time", 20));
        foreach (int length in new[] { kept - 3, kept - 2, kept - 1, kept, 15 })
        {
            string context = words[..(5 * length)];
            int[] all = [.. protocol.StartsWithEndOfText ? new[] { EndOfText } : [], .. Ids(context), .. Ids(" there was")];
            TokenRequest request = Encode(protocol, context, " there was", length: 8);
            Assert.Equal(all[Math.Max(0, all.Length - kept)..], request.Ids.ToArray());
            Assert.Equal(Ids(" there was"), request.Continuation.ToArray());
        }

        // The longest continuation leaves one token of context.
        string longest = words[..(5 * (kept - 1))];
        Assert.Equal(1, Encode(protocol, "Once upon", longest, length: 8).ContextLength);
        Assert.Contains(
            $"Item 3: a continuation was expected to have at most {kept - 1} tokens, what the model reads beside one token of context; found {kept}.",
            Assert.Throws<EvaluationException>(() => Encode(protocol, "Once upon", words[..(5 * kept)], length: 8)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_continuation_that_adds_no_token_is_refused()
    {
        // Behind its last token but one the joint text is one token: no more than the context had.
        string whole = Tokenizer.TokenText(Ids(" time")[0])[1..];
        Assert.Single(Ids(" " + whole));
        string context = " " + whole[..^1];
        Assert.Contains(
            "Item 3: the continuation \"e\" was expected to add tokens to its context; it adds none",
            Assert.Throws<EvaluationException>(() => Encode(EvaluationProtocol.Today, context, whole[^1..])).Message,
            StringComparison.Ordinal);
        Assert.Equal(Ids("e"), Encode(EvaluationProtocol.Harness2021, context, "e").Continuation.ToArray());
        Assert.Throws<EvaluationException>(() => Encode(EvaluationProtocol.Harness2021, "Once", string.Empty));
    }

    [Fact]
    public void A_token_whose_logit_takes_no_part_is_refused()
    {
        int last = Ids(" time")[0];
        EvaluationProtocol protocol = EvaluationProtocol.Harness2021 with { VocabularyLimit = last };
        Assert.Contains(
            $"Item 3: token {last} of the tokenizer is to be scored, but only the first {last} logits of the model take part.",
            Assert.Throws<EvaluationException>(() => Encode(protocol, "Once upon a", " time")).Message,
            StringComparison.Ordinal);
        Assert.Equal(1, Encode(protocol with { VocabularyLimit = last + 1 }, "Once upon a", " time").Continuation.Length);
        Assert.Equal(Ids("a"), Encode(protocol, "Once upon a time", "a").Continuation.ToArray());
    }

    [Fact]
    public void A_model_without_end_token_cannot_score_from_nothing()
    {
        string file = Path.Combine(_folder, "tokenizer.json");
        File.WriteAllText(file, """{"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}, "pre_tokenizer": {"type": "Whitespace"}}""");
        var encoder = new PromptEncoder(GptTokenizer.Open(_folder), TinyModel.Gpt2 with { BosTokenId = null, EosTokenIds = [] }, EvaluationProtocol.Today);
        Assert.Contains(
            "Item 5: a begin or end token was expected",
            Assert.Throws<EvaluationException>(() => encoder.Encode(new ContinuationRequest(string.Empty, "b"), 5)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_text_is_cut_into_windows_behind_the_prefix()
    {
        var encoder = new PromptEncoder(Tokenizer, Config with { ContextLength = 8 }, EvaluationProtocol.Today);
        string text = string.Concat(Enumerable.Repeat(" time", 20));
        Assert.Equal(
            RollingWindows.Cut(Ids(text), EndOfText, 8).Select(window => string.Join(' ', window.Ids.ToArray())),
            encoder.Encode(new RollingRequest(text), 0).Select(window => string.Join(' ', window.Ids.ToArray())));
        Assert.Throws<EvaluationException>(() => encoder.Encode(new RollingRequest(string.Empty), 0));
    }

    /// <summary>GPT-2's own vocabulary: as long as the context does not end in blanks and one space begins the continuation, both ways agree.</summary>
    [SkippableFact]
    public void Both_encodings_agree_on_gpt2s_vocabulary_where_one_space_joins()
    {
        string? folder = SharedData.PathOrNull("data/gpt2-tokenizer");
        Skip.If(folder is null, "../shared/data/gpt2-tokenizer is absent: OpenAI's vocabulary is not ours to ship.");
        GptTokenizer tokenizer = GptTokenizer.Open(folder);
        ModelConfig config = ModelPresets.Find("gpt2")!.Runnable!;
        var joint = new PromptEncoder(tokenizer, config, EvaluationProtocol.Today);
        var separate = new PromptEncoder(tokenizer, config, EvaluationProtocol.Harness2021);
        foreach (string context in new[] { "He said: \"I don't", "one\n\ntwo three", "naïve café", "3.14", "Question: Why?\nAnswer:" })
        {
            foreach (string continuation in new[] { " know", " 42.", " ...and so", " naïve" })
            {
                var request = new ContinuationRequest(context, continuation);
                Assert.Equal(separate.Encode(request, 0).Ids.ToArray(), joint.Encode(request, 0).Ids.ToArray());
                Assert.Equal(separate.Encode(request, 0).ContextLength, joint.Encode(request, 0).ContextLength);
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static TokenRequest Encode(EvaluationProtocol protocol, string context, string continuation, int? length = null) =>
        new PromptEncoder(Tokenizer, Config with { ContextLength = length ?? Config.ContextLength }, protocol)
            .Encode(new ContinuationRequest(context, continuation), item: 3);

    private static int[] Ids(string text) => Tokenizer.Encode(text, addSpecialTokens: false);
}
