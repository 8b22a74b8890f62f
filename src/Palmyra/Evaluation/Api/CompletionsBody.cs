using System.Buffers;
using System.Text.Json;

namespace Palmyra.Evaluation.Api;

/// <summary>The body of a request, field by field as lm-evaluation-harness sends it.</summary>
internal static class CompletionsBody
{
    public static byte[] Write(string model, CompletionsDialect dialect, IReadOnlyList<ApiPrompt> prompts)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WritePropertyName("prompt");
            WritePrompts(json, prompts);
            json.WriteNumber("temperature", 0);
            json.WriteNumber("max_tokens", dialect.MaxTokens);
            json.WriteNumber("logprobs", dialect.LogProbs);
            json.WriteNumber("seed", dialect.Seed);
            json.WriteBoolean("echo", true);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static void WritePrompts(Utf8JsonWriter json, IReadOnlyList<ApiPrompt> prompts)
    {
        // A single text goes without a list around it: some servers take no other form.
        if (prompts is [{ Text: { } only }])
        {
            json.WriteStringValue(only);
            return;
        }

        json.WriteStartArray();
        foreach (ApiPrompt prompt in prompts)
        {
            if (prompt.Ids is null)
            {
                json.WriteStringValue(prompt.Text);
                continue;
            }

            json.WriteStartArray();
            foreach (int id in prompt.Ids)
            {
                json.WriteNumberValue(id);
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }
}
