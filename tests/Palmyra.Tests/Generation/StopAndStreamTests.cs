using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Models;

namespace Palmyra.Tests.Generation;

/// <summary>Stop strings wherever tokens split them, and streams that say the same as the finished text.</summary>
public sealed class StopAndStreamTests
{
    [Theory]
    [InlineData("one two STOP three", "one two ", "STOP")]
    [InlineData("aab", "a", "ab")]
    [InlineData("ababac!", "ab", "abac")]
    [InlineData("xyz", "x", "yz", "xyzw", "z")]
    [InlineData("abc", "a", "abcd", "b")]
    [InlineData("no stop here ST", "no stop here ST", "STOP")]
    public void A_stop_string_is_found_at_every_split(string text, string expected, params string[] stops)
    {
        for (int splits = 0; splits < 1 << (text.Length - 1); splits += text.Length > 12 ? 37 : 1)
        {
            var pieces = new List<string> { text[..1] };
            for (int i = 1; i < text.Length; i++)
            {
                if ((splits >> (i - 1) & 1) == 1)
                {
                    pieces.Add(string.Empty);
                }

                pieces[^1] += text[i];
            }

            var matcher = new StopMatcher(new Pieces(pieces), stops);
            string shown = string.Empty;
            bool stopped = false;
            for (int token = 0; token < pieces.Count && !stopped; token++)
            {
                stopped = matcher.Push(token);
                shown += matcher.Take(ended: stopped);
                Assert.StartsWith(shown, expected, StringComparison.Ordinal);
            }

            if (!stopped)
            {
                matcher.End();
                shown += matcher.Take(ended: true);
            }

            Assert.Equal(expected, shown);
            Assert.Equal(expected, matcher.Text);
        }
    }

    [Fact]
    public async Task A_stream_says_what_the_finished_sequence_says()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model, () => new Letters(), 512, 0);
        string all = generator.Generate(TinyModel.Prompt(4), Options)[0].Text!;
        foreach (GenerationOptions options in new[]
        {
            Options,
            Options with { DoSample = true, Seed = 3, NumReturnSequences = 2 },
            Options with { StopStrings = [all.Substring(4, 3)] },
            Options with { EosTokenIds = [all[5] - 'A'] },
        })
        {
            IReadOnlyList<GeneratedSequence> expected = generator.Generate(TinyModel.Prompt(4), options);
            List<GeneratedToken> stream = await Read(generator.StreamAsync(new(TinyModel.Prompt(4), options)));
            for (int number = 0; number < expected.Count; number++)
            {
                GeneratedToken[] tokens = [.. stream.Where(token => token.Sequence == number)];
                Assert.Equal(expected[number].NewTokens, tokens.Select(token => token.Token));
                Assert.Equal(expected[number].LogProbabilities, tokens.Select(token => token.LogProbability));
                Assert.Equal(expected[number].Text, string.Concat(tokens.Select(token => token.Text)));
                Assert.Equal(GeneratorTests.Fingerprint(expected[number]), GeneratorTests.Fingerprint(tokens[^1].Finished!));
                Assert.All(tokens[..^1], token => Assert.Null(token.Finished));
            }
        }

        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public void Stop_strings_cut_the_text_and_keep_the_tokens()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model, () => new Letters(), 512, 0);
        GeneratedSequence all = generator.Generate(TinyModel.Prompt(4), Options)[0];
        string stop = all.Text!.Substring(3, 2);
        int at = all.Text.IndexOf(stop, StringComparison.Ordinal);
        GeneratedSequence found = generator.Generate(TinyModel.Prompt(4), Options with { StopStrings = [stop] })[0];
        Assert.Equal(FinishReason.StopString, found.FinishReason);
        Assert.Equal(all.Text[..at], found.Text);
        Assert.Equal(all.NewTokens.Take(at + 2), found.NewTokens);
    }

    [Fact]
    public void A_stop_string_finishes_a_beam_as_an_end_token_does()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model, () => new Letters(), 512, 0);
        int stopped = 0;
        foreach (GenerationOptions beams in new[] { Options with { NumBeams = 3, NumReturnSequences = 3 }, Options with { NumBeams = 4, DoSample = true, Seed = 5 } })
        {
            for (int token = 0; token < model.Config.VocabularySize; token++)
            {
                IReadOnlyList<GeneratedSequence> ended = generator.Generate(TinyModel.Prompt(4), beams with { EosTokenIds = [token] });
                // Sampling filters leave a token more for each end token; they are off in both.
                IReadOnlyList<GeneratedSequence> found =
                    generator.Generate(TinyModel.Prompt(4), beams with { StopStrings = [((char)('A' + token)).ToString()] });
                Assert.Equal(
                    ended.Select(sequence => GeneratorTests.Fingerprint(sequence) + sequence.Text),
                    found.Select(sequence => GeneratorTests.Fingerprint(sequence with
                    {
                        FinishReason = sequence.FinishReason == FinishReason.StopString ? FinishReason.Eos : sequence.FinishReason,
                    }) + sequence.Text));
                stopped += found.Count(sequence => sequence.FinishReason == FinishReason.StopString);
            }
        }

        Assert.True(stopped > 10, $"{stopped} stopped");
        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public async Task Leaving_a_stream_or_cancelling_it_gives_all_pages_back()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ);
        using var generator = new Generator(model);
        GenerationOptions endless = Options with { MaxNewTokens = 1_000_000, ContextOverflow = ContextOverflow.SlidingWindow };
        await foreach (GeneratedToken token in generator.StreamAsync(new([1, 2], endless)))
        {
            if (token.Token >= 0)
            {
                break;
            }
        }

        Assert.Equal(0, generator.PagesInUse);
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken _ in generator.StreamAsync(new([1, 2], endless), cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        });
        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public async Task Errors_reach_the_reader()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var generator = new Generator(model);
        await Assert.ThrowsAsync<GenerationException>(() => Read(generator.StreamAsync(new([1], Options with { NumBeams = 2 }))));
        await Assert.ThrowsAsync<GenerationException>(() => Read(generator.StreamAsync(new([99], Options))));
        await Assert.ThrowsAsync<GenerationException>(() => Read(generator.StreamAsync(new([1], Options with { PrefixAllowedTokens = _ => [] }))));
        Assert.Equal(0, generator.PagesInUse);
    }

    [Fact]
    public void Disposing_ends_what_is_running()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ);
        var generator = new Generator(model);
        GenerationOptions endless = Options with { MaxNewTokens = 1_000_000, ContextOverflow = ContextOverflow.SlidingWindow };
        Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> running = generator.GenerateAsync([new([1, 2], endless)]);
        generator.Dispose();
        Assert.ThrowsAny<OperationCanceledException>(() => running.GetAwaiter().GetResult());
        Assert.Throws<ObjectDisposedException>(() => generator.Generate([1], Options));
    }

    private static GenerationOptions Options { get; } = new() { MaxNewTokens = 12, EosTokenIds = [] };

    private static async Task<List<GeneratedToken>> Read(IAsyncEnumerable<GeneratedToken> stream)
    {
        var tokens = new List<GeneratedToken>();
        await foreach (GeneratedToken token in stream)
        {
            tokens.Add(token);
        }

        return tokens;
    }

    private sealed class Pieces(List<string> pieces) : ITokenDecoder
    {
        public string Push(int token) => pieces[token];

        public string Flush() => string.Empty;
    }

    // Token n is the n-th letter after 'A': one character a token.
    private sealed class Letters : ITokenDecoder
    {
        public string Push(int token) => ((char)('A' + token)).ToString();

        public string Flush() => string.Empty;
    }
}
