using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Palmyra.Backends;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Storyteller;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>The default model behind a completions endpoint of few words: echo and log-probabilities, in OpenAI's full shape.</summary>
public sealed class StubModel : IDisposable
{
    private readonly Workspace _workspace;
    private readonly Scorer _scorer;
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<string, string> _known = [];

    public StubModel()
    {
        Model = LanguageModel.Open(DefaultModel.Folder);
        _workspace = new Workspace(Model.Backend, Model.Config);
        _scorer = new Scorer(Model.Transformer);
    }

    public LanguageModel Model { get; }

    /// <summary>What a scorer over this model must find, computed without any API: the last tokens of ids that are cut from the left.</summary>
    public RequestScore Local(ReadOnlySpan<int> ids, int scored, int longest)
    {
        lock (_lock)
        {
            TokenScore[] scores = _scorer.Score([ids[^Math.Min(longest, ids.Length)..].ToArray()])[0][^scored..];
            return new RequestScore(scores.Sum(score => (double)score.LogProbability), scores.All(score => score.Id == score.Best), scored);
        }
    }

    /// <summary>The answer to a request.</summary>
    public JsonObject Answer(string body)
    {
        JsonObject request = JsonNode.Parse(body)!.AsObject();
        JsonNode prompt = request["prompt"]!;
        IEnumerable<int[]> prompts = prompt is JsonArray list
            ? list.Select(one => one is JsonArray ids ? ids.Select(id => id!.GetValue<int>()).ToArray() : Encode(one!))
            : [Encode(prompt)];
        var choices = new JsonArray();
        int tokens = 0;
        foreach (int[] ids in prompts)
        {
            tokens += ids.Length;
            int generated = request["max_tokens"]!.GetValue<int>();
            int best = request["logprobs"]!.GetValue<int>();
            JsonNode choice = JsonNode.Parse(_known.GetOrAdd($"{generated} {best} {string.Join(' ', ids)}", _ => Choice(ids, generated, best).ToJsonString()))!;
            choice["index"] = choices.Count;
            choices.Add(choice);
        }

        int completion = choices.Count * request["max_tokens"]!.GetValue<int>();
        return new JsonObject
        {
            ["id"] = "cmpl-0",
            ["object"] = "text_completion",
            ["created"] = 1700000000,
            ["model"] = request["model"]!.DeepClone(),
            ["choices"] = choices,
            ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["completion_tokens"] = completion, ["total_tokens"] = tokens + completion },
        };
    }

    public void Dispose()
    {
        _scorer.Dispose();
        _workspace.Dispose();
        Model.Dispose();
    }

    private int[] Encode(JsonNode text) => Model.Tokenizer.Encode(text.GetValue<string>(), addSpecialTokens: false);

    private JsonObject Choice(int[] ids, int generated, int best)
    {
        float[][] ranked;
        int[][] order;
        float[] actual;
        int[] all;
        lock (_lock)
        {
            (order, ranked, actual, all) = Score(ids, best);
        }

        all = generated == 0 ? ids : all;
        var values = new JsonArray();
        var top = new JsonArray();
        for (int i = 0; i < all.Length; i++)
        {
            values.Add(i == 0 ? null : JsonValue.Create((double)actual[i - 1]));
            JsonObject? entries = i == 0 ? null : [];
            for (int rank = 0; i > 0 && rank < best; rank++)
            {
                entries!.TryAdd(Text(order[rank][i - 1]), JsonValue.Create((double)ranked[rank][i - 1]));
            }

            entries?.TryAdd(Text(all[i]), JsonValue.Create((double)actual[i - 1]));
            top.Add((JsonNode?)entries);
        }

        return new JsonObject
        {
            ["text"] = Model.Tokenizer.Decode(all),
            ["index"] = 0,
            ["logprobs"] = new JsonObject
            {
                ["tokens"] = new JsonArray([.. all.Select(id => JsonValue.Create(Text(id)))]),
                ["token_logprobs"] = values,
                ["top_logprobs"] = top,
                ["text_offset"] = new JsonArray([.. Offsets(all).Select(offset => JsonValue.Create(offset))]),
            },
            ["finish_reason"] = "length",
        };
    }

    // After each token: the best tokens in their order with their log-probabilities, and that of the next one; the last next one is the best.
    private (int[][] Order, float[][] Ranked, float[] Actual, int[] All) Score(int[] ids, int best)
    {
        var batch = new Batch();
        batch.Add(ids, 0, []);
        int[] rows = [.. Enumerable.Range(0, ids.Length)];
        int vocabulary = Model.Config.VocabularySize;
        lock (Model.Backend)
        {
            Tensor hidden = Model.Transformer.Forward(Model.Backend.Prepare(batch, null), cache: null, _workspace);
            var logits = new float[ids.Length * vocabulary];
            Model.Backend.Read(Model.Transformer.Logits(hidden, rows, _workspace), logits);
            int[][] byRow = [.. rows.Select(row => Enumerable.Range(0, vocabulary).OrderByDescending(id => logits[(row * vocabulary) + id]).Take(best).ToArray())];
            int[][] order = [.. Enumerable.Range(0, best).Select(rank => byRow.Select(row => row[rank]).ToArray())];
            int[] all = [.. ids, order[0][^1]];
            float[] Of(int[] targets)
            {
                var found = new float[targets.Length];
                Model.Backend.Read(Model.Transformer.Score(hidden, rows, targets, _workspace).LogProb, found);
                return found;
            }

            return (order, [.. order.Select(Of)], Of(all[1..]), all);
        }
    }

    private string Text(int id)
    {
        byte[] bytes = Model.Tokenizer.TokenBytes(id).ToArray();
        string text = Encoding.UTF8.GetString(bytes);
        return text.Contains('\uFFFD', StringComparison.Ordinal) ? "bytes:" + string.Concat(bytes.Select(one => $"\\x{one:x2}")) : text;
    }

    // Code points that are whole before each token.
    private IEnumerable<int> Offsets(int[] ids)
    {
        int offset = 0;
        foreach (int id in ids)
        {
            yield return offset;
            foreach (byte one in Model.Tokenizer.TokenBytes(id))
            {
                offset += (one & 0xC0) != 0x80 ? 1 : 0;
            }
        }
    }
}
