using System.Text.Json;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Api;

/// <summary>Reads scores out of the answers of a completions endpoint, and refuses what is not an answer to what was sent.</summary>
internal sealed class CompletionsAnswer(string where, CompletionsDialect dialect)
{
    internal const int MaxDepth = 32;

    internal const int LongestAnswer = 64 << 20;

    // What a server says besides, and prompts of few tokens with long texts.
    private const int ShortestBound = 1 << 20;

    // An entry is a token's text, its number, its place and its line's indentation: some hundred bytes where a server is generous with all of them.
    private const int BytesAnEntry = 512;

    /// <param name="Prompts">A score for each prompt of the request.</param>
    /// <param name="PromptTokens"><c>usage.prompt_tokens</c>, or 0.</param>
    public sealed record Scores(RequestScore[] Prompts, long PromptTokens);

    /// <exception cref="EvaluationException">The answer is not what it should be.</exception>
    public Scores Read(ReadOnlyMemory<byte> body, IReadOnlyList<ApiPrompt> prompts)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MaxDepth });
            JsonElement root = document.RootElement;
            JsonElement[] choices = InOrder(root, prompts.Count);
            long tokens = Member(root, "usage") is { } usage && Member(usage, "prompt_tokens") is { ValueKind: JsonValueKind.Number } count
                && count.TryGetInt64(out long known) ? Math.Max(0, known) : 0;
            return new Scores([.. choices.Select((choice, i) => ReadChoice(choice, prompts[i], $"choices[{i}]"))], tokens);
        }
        catch (JsonException failure)
        {
            throw new EvaluationException($"{where}: an answer in JSON was expected; it does not parse: {failure.Message}", failure);
        }
        catch (InvalidOperationException failure)
        {
            // What JsonElement throws for escapes that are half a surrogate pair.
            throw new EvaluationException($"{where}: texts in Unicode were expected in the answer; found an escape that is no character.", failure);
        }
    }

    /// <summary>The longest body that can be an answer to these prompts; any longer one is not worth parsing.</summary>
    public int MostBytes(IReadOnlyList<ApiPrompt> prompts)
    {
        long tokens = prompts.Sum(prompt => (long)MostTokens(prompt));
        return (int)Math.Min(LongestAnswer, ShortestBound + (tokens * (dialect.LogProbs + 1) * BytesAnEntry));
    }

    // No token of a text is shorter than a byte, but for one that may begin it.
    private int MostTokens(ApiPrompt prompt) =>
        dialect.MaxTokens + (prompt.Ids?.Length ?? System.Text.Encoding.UTF8.GetByteCount(prompt.Text!) + 1);

    private JsonElement[] InOrder(JsonElement root, int count)
    {
        string expected = $"one choice for each of {count} prompts";
        if (Member(root, "choices") is not { ValueKind: JsonValueKind.Array } choices)
        {
            throw Wrong("choices", expected, Kind(Member(root, "choices")));
        }

        if (choices.GetArrayLength() != count)
        {
            throw Wrong("choices", expected, $"{choices.GetArrayLength()}");
        }

        var ordered = new JsonElement?[count];
        foreach (JsonElement choice in choices.EnumerateArray())
        {
            if (Member(choice, "index") is not { ValueKind: JsonValueKind.Number } value
                || !value.TryGetInt32(out int index)
                || (uint)index >= (uint)count)
            {
                throw Wrong("choices[].index", $"numbers from 0 to {count - 1}", Shown(Member(choice, "index")));
            }

            if (ordered[index] is not null)
            {
                throw Wrong("choices[].index", "each number once", $"{index} twice");
            }

            ordered[index] = choice;
        }

        return [.. ordered.Select(choice => choice!.Value)];
    }

    private RequestScore ReadChoice(JsonElement choice, ApiPrompt prompt, string place)
    {
        if (Member(choice, "logprobs") is not { ValueKind: JsonValueKind.Object } logProbs)
        {
            throw NoEcho($"{place}.logprobs is {Kind(Member(choice, "logprobs"))}");
        }

        if (Member(logProbs, "token_logprobs") is not { ValueKind: JsonValueKind.Array } list)
        {
            throw NoEcho($"{place}.logprobs.token_logprobs is {Kind(Member(logProbs, "token_logprobs"))}");
        }

        place += ".logprobs";
        int count = list.GetArrayLength();
        if (count <= dialect.MaxTokens)
        {
            throw NoEcho($"{place}.token_logprobs has {count} entries");
        }

        if (list.EnumerateArray().All(value => value.ValueKind == JsonValueKind.Null))
        {
            throw NoEcho($"all of {place}.token_logprobs are null");
        }

        int end = count - dialect.MaxTokens;
        int first = prompt.Ids is { } ids
            ? FirstOfIds(ids, prompt.ContextLength, count, place)
            : FirstOfText(choice, logProbs, prompt, count, place);
        if (first == 0 || first >= end)
        {
            throw Wrong($"{place}.text_offset", "tokens of the context and then of the continuation", $"the continuation at token {first} of {end}");
        }

        // Indexing a JSON list walks through it, so that its elements are laid out first.
        JsonElement[] values = [.. list.EnumerateArray()];
        JsonElement[] top = Listed(logProbs, "top_logprobs", count, place);
        JsonElement[]? texts = dialect.GreedyByText ? Listed(logProbs, "tokens", count, place) : null;
        double sum = 0;
        bool greedy = true;
        for (int i = first; i < end; i++)
        {
            double value = Number(values[i], $"{place}.token_logprobs[{i}]");
            sum += value;
            (double best, string text) = Best(top[i], $"{place}.top_logprobs[{i}]");
            greedy &= texts is null ? value == best : Text(texts[i], $"{place}.tokens[{i}]") == text;
        }

        return new RequestScore(sum, greedy, end - first, prompt.IsCut);
    }

    private int FirstOfIds(int[] ids, int context, int count, string place)
    {
        int expected = ids.Length + dialect.MaxTokens;
        if (count == expected)
        {
            return context;
        }

        string shape = dialect.MaxTokens == 0
            ? $"{ids.Length} entries, one for each token sent"
            : $"{expected} entries, {ids.Length} of the tokens sent and {dialect.MaxTokens} generated";
        throw count == ids.Length
            ? Wrong($"{place}.token_logprobs", shape, $"{count}: the server leaves out the token it was asked to generate; another dialect may suit it")
            : Wrong($"{place}.token_logprobs", shape, $"{count}: the server does not take token ids as they are; leave the tokenizer out, and prompts go as text");
    }

    // The continuation starts with the first token that starts at or after its first character, as lm-evaluation-harness' gguf client has it.
    private int FirstOfText(JsonElement choice, JsonElement logProbs, ApiPrompt prompt, int count, string place)
    {
        string text = prompt.Text!;
        if (Member(choice, "text") is not { ValueKind: JsonValueKind.String } echoed
            || !echoed.GetString()!.StartsWith(text, StringComparison.Ordinal))
        {
            throw NoEcho($"{place[..place.LastIndexOf('.')]}.text does not begin with the prompt");
        }

        int most = MostTokens(prompt);
        if (count > most)
        {
            throw Wrong($"{place}.token_logprobs", $"at most {most} entries", $"{count}");
        }

        JsonElement[] offsets = Listed(logProbs, "text_offset", count, place);
        int length = PythonText.Length(text);
        int end = count - dialect.MaxTokens;
        int first = end;
        int before = 0;
        int at = 0;
        foreach (JsonElement offset in offsets)
        {
            if (offset.ValueKind != JsonValueKind.Number || !offset.TryGetInt32(out int value) || value < before || (at == 0 && value != 0))
            {
                throw Wrong($"{place}.text_offset[{at}]", at == 0 ? "0" : $"a number from {before} on", Shown(offset));
            }

            // A server that counts bytes or UTF-16 units, or that put a token of its own before the prompt, would have the continuation elsewhere.
            if (at < end ? value > length : at == end && value != length)
            {
                string bound = at < end ? "at most " : string.Empty;
                throw Wrong($"{place}.text_offset[{at}]", $"{bound}{length}, the prompt's characters (code points)", Shown(offset));
            }

            first = first == end && at < end && value >= prompt.ContextLength ? at : first;
            before = value;
            at++;
        }

        return first;
    }

    private (double LogProbability, string Text) Best(JsonElement entries, string place)
    {
        if (entries.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(place, "the best tokens with their log-probabilities", Kind(entries));
        }

        (double LogProbability, string Text) best = (double.NegativeInfinity, string.Empty);
        foreach (JsonProperty entry in entries.EnumerateObject())
        {
            double value = Number(entry.Value, place);
            if (value > best.LogProbability)
            {
                best = (value, dialect.GreedyByText ? entry.Name : string.Empty);
            }
        }

        return double.IsFinite(best.LogProbability) ? best : throw Wrong(place, "the best tokens with their log-probabilities", "none");
    }

    private JsonElement[] Listed(JsonElement logProbs, string name, int count, string place)
    {
        string expected = $"{count} entries, as many as token_logprobs has";
        return Member(logProbs, name) is not { ValueKind: JsonValueKind.Array } list
            ? throw Wrong($"{place}.{name}", expected, Kind(Member(logProbs, name)))
            : list.GetArrayLength() == count ? [.. list.EnumerateArray()]
            : throw Wrong($"{place}.{name}", expected, $"{list.GetArrayLength()}");
    }

    private double Number(JsonElement value, string place) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw Wrong(place, "a finite number", Shown(value));

    private string Text(JsonElement value, string place) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(place, "a token's text", Kind(value));

    private static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member) ? member : null;

    // Texts are not quoted: a server may have put there what it was sent.
    private static string Shown(JsonElement? value) =>
        value is not { ValueKind: JsonValueKind.Number } number ? Kind(value)
            : number.GetRawText() is { Length: <= 40 } text ? text
            : "a number of many digits";

    private static string Kind(JsonElement? value) => value?.ValueKind switch
    {
        null => "absent",
        JsonValueKind.Null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        _ => "true or false",
    };

    private EvaluationException Wrong(string field, string expected, string found) =>
        new($"{where}: {field} of the answer was expected to be {expected}; found {found}.");

    private EvaluationException NoEcho(string evidence) => new(
        $"{where} does not echo the prompt's log-probabilities, which scoring needs ({evidence}); "
        + "ask a server that honours echo together with logprobs, such as vLLM or OpenAI's base models, or score the model's checkpoint here.");
}
