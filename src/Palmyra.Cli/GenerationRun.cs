using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Generation;
using Palmyra.Tokenization;

namespace Palmyra.Cli;

/// <summary>One run of <c>generate</c>: streams the text if there is one sequence to stream, else prints the sequences.</summary>
internal sealed class GenerationRun(
    LanguageModel model, GptTokenizer? tokenizer, int[] prompt, string? promptText, CacheFormat cacheFormat, double loadSeconds)
{
    public async Task WriteTextAsync(GenerationOptions options, bool echo, CancellationToken cancellation)
    {
        string shown = echo ? promptText ?? string.Join(' ', prompt) + " " : string.Empty;
        long start = Stopwatch.GetTimestamp();
        using var generator = new Generator(model.Transformer, tokenizer, cacheFormat: cacheFormat);
        if (options.NumBeams == 1 && options.NumReturnSequences == 1)
        {
            await StreamAsync(generator, options, shown, start, cancellation);
            return;
        }

        var request = new GenerationRequest(prompt, options);
        IReadOnlyList<GeneratedSequence> sequences = (await generator.GenerateAsync([request], cancellation))[0];
        for (int i = 0; i < sequences.Count; i++)
        {
            GeneratedSequence sequence = sequences[i];
            string score = sequence.Score is double value ? $" score {value.ToString("F5", CultureInfo.InvariantCulture)}" : string.Empty;
            Console.WriteLine($"[{i + 1}]{score}");
            Console.WriteLine(shown + (sequence.Text ?? string.Join(' ', sequence.NewTokens)));
        }

        NoteSpeed(sequences, firstToken: null, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    public async Task WriteJsonAsync(GenerationOptions options, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        using var generator = new Generator(model.Transformer, tokenizer, cacheFormat: cacheFormat);
        var request = new GenerationRequest(prompt, options);
        IReadOnlyList<GeneratedSequence> sequences = (await generator.GenerateAsync([request], cancellation))[0];
        for (int i = 0; i < sequences.Count; i++)
        {
            int index = i;
            Terminal.Json(writer => WriteJson(writer, index, sequences[index]));
        }

        NoteSpeed(sequences, firstToken: null, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private async Task StreamAsync(Generator generator, GenerationOptions options, string shown, long start, CancellationToken cancellation)
    {
        Console.Out.Write(shown);
        double? first = null;
        GeneratedSequence? finished = null;
        bool separate = false;
        try
        {
            await foreach (GeneratedToken token in generator.StreamAsync(new GenerationRequest(prompt, options), cancellation))
            {
                first ??= Stopwatch.GetElapsedTime(start).TotalSeconds;
                Console.Out.Write(tokenizer is null ? (separate ? " " : string.Empty) + token.Token : token.Text);
                Console.Out.Flush();
                separate = true;
                finished = token.Finished ?? finished;
            }
        }
        finally
        {
            // A cancelled text ends its line too, so that the shell's prompt starts on one of its own.
            Console.Out.WriteLine();
        }

        NoteSpeed(finished is null ? [] : [finished], first, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private void NoteSpeed(IReadOnlyList<GeneratedSequence> sequences, double? firstToken, double seconds)
    {
        int tokens = sequences.Sum(sequence => sequence.Tokens.Count - sequence.PromptLength);
        string first = firstToken is double value ? $", first after {Seconds(value)}" : string.Empty;
        string seed = sequences.Count > 0 && sequences[0].Seed is ulong drawn ? $", seed {drawn}" : string.Empty;
        string end = sequences.Count > 0 ? $", ended by {Reason(sequences[0].FinishReason)}" : string.Empty;
        (int timed, double during) = firstToken is double before && tokens > 1 ? (tokens - 1, seconds - before) : (tokens, seconds);
        Terminal.Note(string.Create(
            CultureInfo.InvariantCulture,
            $"[loaded in {Seconds(loadSeconds)}; {prompt.Length} tokens of prompt; {tokens} new{first}, "
            + $"{timed / Math.Max(1e-9, during):F0} tokens/s{seed}{end}; {model.Backend.Description}, {cacheFormat.ToString().ToLowerInvariant()} cache]"));
    }

    private void WriteJson(Utf8JsonWriter writer, int index, GeneratedSequence sequence)
    {
        writer.WriteStartObject();
        writer.WriteNumber("index", index);
        writer.WriteString("backend", model.Backend.Description);
        writer.WriteString("prompt", promptText);
        writer.WriteString("text", sequence.Text);
        Numbers(writer, "prompt_ids", sequence.Tokens.Take(sequence.PromptLength));
        Numbers(writer, "ids", sequence.NewTokens);
        writer.WriteString("finish_reason", Reason(sequence.FinishReason));
        if (sequence.Seed is ulong seed)
        {
            writer.WriteNumber("seed", seed);
        }

        if (sequence.Score is double score)
        {
            writer.WriteNumber("score", score);
        }

        writer.WriteStartArray("log_probs");
        foreach (float logProbability in sequence.LogProbabilities)
        {
            writer.WriteNumberValue(logProbability);
        }

        writer.WriteEndArray();
        if (sequence.TopLogProbabilities.Count > 0)
        {
            writer.WriteStartArray("top_log_probs");
            foreach (IReadOnlyList<TokenProbability> step in sequence.TopLogProbabilities)
            {
                writer.WriteStartArray();
                foreach (TokenProbability token in step)
                {
                    writer.WriteStartObject();
                    writer.WriteNumber("id", token.Token);
                    if (tokenizer is not null)
                    {
                        writer.WriteString("piece", tokenizer.TokenText(token.Token));
                    }

                    writer.WriteNumber("log_prob", token.LogProbability);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter writer, string name, IEnumerable<int> values)
    {
        writer.WriteStartArray(name);
        foreach (int value in values)
        {
            writer.WriteNumberValue(value);
        }

        writer.WriteEndArray();
    }

    private static string Reason(FinishReason reason) => reason switch
    {
        FinishReason.Eos => "eos",
        FinishReason.Length => "length",
        FinishReason.StopString => "stop_string",
        _ => "time",
    };

    private static string Seconds(double value) => value.ToString("F2", CultureInfo.InvariantCulture) + " s";
}
