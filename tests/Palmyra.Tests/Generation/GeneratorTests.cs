using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Embedding;
using Palmyra.Evaluation.Scoring;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;
using Palmyra.Models;

namespace Palmyra.Tests.Generation;

/// <summary>What the generator promises whatever the model: independence of batch, chunks and cache; limits; nothing left behind.</summary>
public sealed class GeneratorTests
{
    private static readonly GenerationOptions Plain = new() { MaxNewTokens = 10, EosTokenIds = [] };

    private static readonly GenerationOptions Sampled = Plain with { DoSample = true, TopK = 12, TopP = 0.9f, Seed = 11, NumReturnSequences = 3 };

    public static TheoryData<string> Families => ["gpt2", "gptj", "gptneo"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Many_at_a_time_equal_one_at_a_time_bit_for_bit(string family)
    {
        using Transformer model = TinyModel.Create(Config(family));
        GenerationRequest[] requests =
        [
            new(TinyModel.Prompt(1), Plain),
            new(TinyModel.Prompt(19), Sampled),
            new(TinyModel.Prompt(7), Plain with { NumBeams = 3, NumReturnSequences = 2, EosTokenIds = [4, 9] }),
            new(TinyModel.Prompt(20), Plain with { RepetitionPenalty = 1.4f, UseCache = false }),
            new(TinyModel.Prompt(7), Sampled with { Seed = 12, NumBeams = 3, EosTokenIds = [8] }),
            new(TinyModel.Prompt(16), Sampled with { TopK = 0, TypicalP = 0.8f }),
        ];
        using var one = new Generator(model);
        GeneratedSequence[] expected = [.. requests.SelectMany(request => one.Generate([request])[0])];
        foreach ((int rowBudget, long cached) in new[] { (512, 0L), (3, 10_000L), (7, 64L) })
        {
            using var many = new Generator(model, rowBudget: rowBudget, maxCachedTokens: cached);
            GeneratedSequence[] found = [.. many.Generate(requests).SelectMany(sequences => sequences)];
            Assert.Equal(expected.Select(Fingerprint), found.Select(Fingerprint));
            Assert.Equal(0, many.PagesInUse);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void The_cache_changes_nothing(string family)
    {
        using Transformer model = TinyModel.Create(Config(family));
        using var generator = new Generator(model, rowBudget: 5);
        foreach (GenerationOptions options in new[]
        {
            Plain, Sampled, Plain with { NumBeams = 4, NumReturnSequences = 4, EosTokenIds = [4, 9], MaxNewTokens = 20 },
            Plain with { MaxNewTokens = 80, ContextOverflow = ContextOverflow.SlidingWindow },
        })
        {
            IReadOnlyList<GeneratedSequence> with = generator.Generate(TinyModel.Prompt(9), options);
            IReadOnlyList<GeneratedSequence> without = generator.Generate(TinyModel.Prompt(9), options with { UseCache = false });
            Assert.Equal(without.Select(Fingerprint), with.Select(Fingerprint));
        }
    }

    [Fact]
    public void A_seed_repeats_and_another_one_differs()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        GeneratedSequence fresh = generator.Generate(TinyModel.Prompt(4), Sampled with { Seed = null })[1];
        GeneratedSequence again = generator.Generate(TinyModel.Prompt(4), Sampled with { Seed = fresh.Seed })[1];
        GeneratedSequence other = generator.Generate(TinyModel.Prompt(4), Sampled with { Seed = fresh.Seed + 1 })[1];
        Assert.Equal(fresh.Tokens, again.Tokens);
        Assert.NotEqual(fresh.Tokens, other.Tokens);
        Assert.Null(generator.Generate(TinyModel.Prompt(4), Plain)[0].Seed);
        IReadOnlyList<GeneratedSequence> three = generator.Generate(TinyModel.Prompt(4), Sampled);
        Assert.Equal(3, three.Select(sequence => string.Join(' ', sequence.Tokens)).Distinct().Count());
    }

    [Fact]
    public void Log_probabilities_scores_and_hidden_states_are_the_models()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptNeo);
        using var generator = new Generator(model);
        GeneratedSequence found = generator.Generate(
            TinyModel.Prompt(6),
            Plain with { OutputLogits = true, OutputScores = true, TopLogProbabilities = 3, HiddenStateLayers = [2, 0], RepetitionPenalty = 2 })[0];
        using var extractor = new Palmyra.Embedding.FeatureExtractor(model);
        float[] last = extractor.Extract([found.Tokens])[0];
        float[] first = extractor.Extract([found.Tokens], layer: 0)[0];
        for (int i = 0; i < 10; i++)
        {
            int token = found.Tokens[found.PromptLength + i];
            float[] logits = found.Logits[i];
            double logSum = Math.Log(logits.Sum(logit => Math.Exp(logit)));
            Assert.Equal(logits[token] - logSum, found.LogProbabilities[i], 1e-5);
            Assert.Equal(TokenChooser.Greedy(logits), found.TopLogProbabilities[i][0].Token);
            Assert.Equal(3, found.TopLogProbabilities[i].Count);
            Assert.Equal(token, TokenChooser.Greedy(found.Scores[i]));
            int row = (found.PromptLength + i - 1) * model.Config.Width;
            Assert.Equal(last.AsSpan(row, model.Config.Width).ToArray(), found.HiddenStates[i][0]);
            Assert.Equal(first.AsSpan(row, model.Config.Width).ToArray(), found.HiddenStates[i][1]);
        }
    }

    [Fact]
    public void Hidden_states_of_one_layer_are_those_of_each_token()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        using var extractor = new Palmyra.Embedding.FeatureExtractor(model);
        foreach (GeneratedSequence found in generator.Generate(TinyModel.Prompt(6), Sampled with { HiddenStateLayers = [1] }))
        {
            float[] states = extractor.Extract([found.Tokens], layer: 1)[0];
            for (int i = 0; i < 10; i++)
            {
                int row = (found.PromptLength + i - 1) * model.Config.Width;
                Assert.Equal(states.AsSpan(row, model.Config.Width).ToArray(), found.HiddenStates[i][0]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_sliding_window_goes_past_the_context(string family)
    {
        ModelConfig config = Config(family);
        using Transformer model = TinyModel.Create(config);
        using var generator = new Generator(model, rowBudget: 16);
        foreach (int length in new[] { 5, 45 })
        {
            var options = new GenerationOptions
            {
                MaxNewTokens = 100, EosTokenIds = [], OutputLogits = true, ContextOverflow = ContextOverflow.SlidingWindow,
            };
            GeneratedSequence found = generator.Generate(TinyModel.Prompt(length), options)[0];
            Assert.Equal(length + 100, found.Tokens.Count);
            int origin = Math.Max(0, length - (config.LearnedPositions ? TinyModel.Context : 0));
            origin = config.LearnedPositions ? origin : 0;
            for (int i = 0; i < 100; i++)
            {
                int end = length + i;
                if (config.LearnedPositions && end - origin > TinyModel.Context)
                {
                    origin = end - (TinyModel.Context / 2);
                }

                float[] expected = Direct(model, [.. found.Tokens.Take(end).Skip(origin)], config.LearnedPositions ? 0 : TinyModel.Context);
                Assert.Equal(expected, found.Logits[i]);
            }

            Assert.Equal(0, generator.PagesInUse);
        }
    }

    [Fact]
    public void A_rotary_window_holds_no_more_pages_than_it_needs()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ);
        using var generator = new Generator(model, rowBudget: 16);
        generator.Generate(TinyModel.Prompt(5), Plain with { MaxNewTokens = 300, ContextOverflow = ContextOverflow.SlidingWindow });
        Assert.True(generator.PageCount <= 4, $"{generator.PageCount} pages");
    }

    [Fact]
    public void The_end_token_stops_a_row_alone_and_is_kept()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        int[] free = [.. generator.Generate(TinyModel.Prompt(4), Plain)[0].NewTokens];
        int end = free[3];
        int at = Array.IndexOf(free, end);
        GeneratedSequence found = generator.Generate(TinyModel.Prompt(4), Plain with { EosTokenIds = [38, end] })[0];
        Assert.Equal(free[..(at + 1)], found.NewTokens);
        Assert.Equal(FinishReason.Eos, found.FinishReason);
    }

    [Fact]
    public void Time_ends_with_the_token_at_hand()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        GeneratedSequence found = generator.Generate(TinyModel.Prompt(4), Plain with { MaxTime = TimeSpan.FromTicks(1) })[0];
        Assert.Single(found.NewTokens);
        Assert.Equal(FinishReason.Time, found.FinishReason);
    }

    [Fact]
    public void Default_length_is_twenty_or_what_the_context_leaves()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        var options = new GenerationOptions { EosTokenIds = [] };
        Assert.Equal(20, generator.Generate(TinyModel.Prompt(3), options)[0].NewTokens.Count());
        Assert.Equal(4, generator.Generate(TinyModel.Prompt(28), options)[0].NewTokens.Count());
        Assert.Equal(5, generator.Generate(TinyModel.Prompt(3), options with { MaxLength = 8 })[0].NewTokens.Count());
        Assert.Equal(3, generator.Generate([], options)[0].Tokens[0]);
    }

    [Fact]
    public void What_cannot_be_done_is_refused_before_it_starts()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2 with { BosTokenId = null });
        using var generator = new Generator(model);
        Refused([], Plain, "bos_token_id");
        Refused([1, 40], Plain, "token 40, outside the vocabulary of 40");
        Refused([-1], Plain, "token -1");
        Refused(TinyModel.Prompt(32), Plain, "fills the model's context of 32");
        Refused(TinyModel.Prompt(30), Plain, "at most 2 new tokens");
        Refused(TinyModel.Prompt(30), Plain with { MaxNewTokens = null, MaxLength = 20 }, "leaves nothing to generate");
        Refused(TinyModel.Prompt(3), Plain with { MaxNewTokens = null, MaxLength = 33 }, "max_length = 33");
        Refused(TinyModel.Prompt(3), Plain with { MinLength = 14 }, "min_length = 14");
        Refused(TinyModel.Prompt(3), Plain with { StopStrings = ["x"] }, "tokenizer");
        Refused(TinyModel.Prompt(3), Plain with { SuppressTokens = [.. Enumerable.Range(0, 40)] }, "forbid every token");
        Assert.Equal(0, generator.PagesInUse);

        void Refused(int[] prompt, GenerationOptions options, string part) =>
            Assert.Contains(part, Assert.Throws<GenerationException>(() => generator.Generate(prompt, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_gives_all_pages_back()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ);
        using var generator = new Generator(model);
        using var cancellation = new CancellationTokenSource();
        var stopping = new Acting(call => { if (call == 5) { cancellation.Cancel(); } });
        GenerationOptions endless = Plain with { MaxNewTokens = 1_000_000, ContextOverflow = ContextOverflow.SlidingWindow, LogitsProcessors = [stopping] };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync([new(TinyModel.Prompt(5), endless), new([1], endless)], cancellation.Token));
        Assert.Equal(0, generator.PagesInUse);
        Assert.Equal(10, generator.Generate([1], Plain)[0].NewTokens.Count());
    }

    [Fact]
    public void A_cache_beyond_what_can_be_numbered_is_refused()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ);
        using var generator = new Generator(model, rowBudget: 1 << 20);
        GenerationOptions options = Sampled with
        {
            // 65,533 sequences of 65,539 pages: a little less than 2³².
            NumReturnSequences = 65_533, MaxNewTokens = 2_000_000, ContextOverflow = ContextOverflow.SlidingWindow,
        };
        Assert.Contains("num_return_sequences", Assert.Throws<GenerationException>(() => generator.Generate([1], options)).Message, StringComparison.Ordinal);
        Assert.Equal(10, generator.Generate([1], Plain)[0].NewTokens.Count());
    }

    [Fact]
    public async Task Submitting_does_not_wait_for_the_backend()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> first, second = null!;
        lock (model.Backend)
        {
            first = generator.GenerateAsync([new(TinyModel.Prompt(5), Plain)]);
            Thread.Sleep(300);
            var submitting = new Thread(() => second = generator.GenerateAsync([new(TinyModel.Prompt(5), Plain)]));
            submitting.Start();
            Assert.True(submitting.Join(TimeSpan.FromSeconds(60)));
        }

        Assert.Equal(Fingerprint((await first)[0][0]), Fingerprint((await second)[0][0]));
    }

    [Fact]
    public void Memory_goes_back_while_nobody_else_has_the_backend()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        var generator = new Generator(model);
        generator.Generate(TinyModel.Prompt(5), Plain);
        foreach (IDisposable user in new IDisposable[] { generator, new Scorer(model), new FeatureExtractor(model) })
        {
            var disposing = new Thread(user.Dispose);
            lock (model.Backend)
            {
                disposing.Start();
                Assert.False(disposing.Join(TimeSpan.FromMilliseconds(100)));
            }

            Assert.True(disposing.Join(TimeSpan.FromSeconds(60)));
        }
    }

    [Fact]
    public void A_beam_that_cannot_go_on_leaves_the_others_to_it()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        int[] prompt = TinyModel.Prompt(4);
        int best = generator.Generate(prompt, Plain with { MaxNewTokens = 1 })[0].Tokens[^1];
        var dead = new Forbidding(tokens => tokens.Length > prompt.Length && tokens[prompt.Length] == best);
        foreach (bool sampled in new[] { false, true })
        {
            GenerationOptions options = Plain with { NumBeams = 3, DoSample = sampled, Seed = 2, TypicalP = 0.95f, LogitsProcessors = [dead] };
            GeneratedSequence found = generator.Generate(prompt, options)[0];
            Assert.Equal(10, found.NewTokens.Count());
            Assert.NotEqual(best, found.Tokens[prompt.Length]);
        }

        var all = new Forbidding(tokens => tokens.Length > prompt.Length);
        string message = Assert.Throws<GenerationException>(() => generator.Generate(prompt, Plain with { NumBeams = 3, LogitsProcessors = [all] })).Message;
        Assert.Contains("every token of every beam after 5 tokens", message, StringComparison.Ordinal);
        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public async Task A_request_that_fails_leaves_others_and_all_pages_alone()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        var failing = new Acting(call => { if (call == 4) { throw new InvalidOperationException("mine"); } });
        Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> good = generator.GenerateAsync([new(TinyModel.Prompt(5), Plain)]);
        var bad = await Assert.ThrowsAsync<InvalidOperationException>(
            () => generator.GenerateAsync([new(TinyModel.Prompt(5), Plain with { LogitsProcessors = [failing] }), new([2], Plain)]));
        Assert.Equal("mine", bad.Message);
        Assert.Equal(10, (await good)[0][0].NewTokens.Count());
        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public async Task The_cache_grows_under_running_sequences()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptNeo);
        using var generator = new Generator(model);
        GenerationOptions options = Plain with { MaxNewTokens = 20 };
        string first = Fingerprint(generator.Generate(TinyModel.Prompt(5), options)[0]);
        int pages = generator.PageCount;
        Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>>? later = null;
        var joining = new Acting(call => later = call == 15 ? generator.GenerateAsync([new(TinyModel.Prompt(5), options)]) : later);
        GeneratedSequence found = generator.Generate(TinyModel.Prompt(5), options with { LogitsProcessors = [joining] })[0];
        Assert.Equal(first, Fingerprint(found));
        Assert.Equal(first, Fingerprint((await later!)[0][0]));
        Assert.True(generator.PageCount > pages, $"{generator.PageCount} pages");
        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public async Task Requests_from_many_threads_are_decoded_together()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        int[][] prompts = [.. Enumerable.Range(1, 12).Select(length => TinyModel.Prompt(length, length))];
        string[] alone = [.. prompts.Select(prompt => Fingerprint(generator.Generate(prompt, Plain)[0]))];
        IReadOnlyList<IReadOnlyList<GeneratedSequence>>[] together =
            await Task.WhenAll(prompts.Select(prompt => Task.Run(() => generator.GenerateAsync([new(prompt, Plain)]))));
        Assert.Equal(alone, together.Select(found => Fingerprint(found[0][0])));
        Assert.Equal(0, generator.PagesInUse);
    }

    internal static string Fingerprint(GeneratedSequence sequence) =>
        $"{sequence.FinishReason} {sequence.Score:R} [{string.Join(' ', sequence.Tokens)}] [{string.Join(' ', sequence.LogProbabilities.Select(p => p.ToString("R", null)))}]";

    private static ModelConfig Config(string family) => family switch
    {
        "gpt2" => TinyModel.Gpt2,
        "gptj" => TinyModel.GptJ,
        _ => TinyModel.GptNeo,
    };

    private static float[] Direct(Transformer model, int[] tokens, int window)
    {
        using var rows = new Workspace(model.Backend, model.Config);
        var batch = new Batch();
        batch.Add(tokens, 0, []);
        Tensor hidden = model.Forward(model.Backend.Prepare(batch, null), null, rows, window);
        Tensor logits = model.Logits(hidden, [tokens.Length - 1], rows);
        var values = new float[logits.Cols];
        model.Backend.Read(logits, values);
        return values;
    }

    private delegate bool TokenCondition(ReadOnlySpan<int> tokens);

    private sealed class Forbidding(TokenCondition applies) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
        {
            if (applies(tokens))
            {
                logits.Fill(float.NegativeInfinity);
            }
        }
    }

    private sealed class Acting(Action<int> act) : ILogitsProcessor
    {
        private int _calls;

        public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context) => act(++_calls);
    }
}
