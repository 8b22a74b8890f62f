using Palmyra.Evaluation.Api;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>Items, options and expected scores that the API's tests share.</summary>
internal static class ApiCases
{
    public const int MaxLength = 64;

    public static readonly Uri Address = new("http://api.test/v1/completions");

    /// <summary>Cloze and multiple choice, equal requests in an item, blanks at a context's end, characters of several bytes and units.</summary>
    public static EvaluationItem[] Items { get; } =
    [
        Item(7, ("Once upon a", " time")),
        Item(0, ("The old man went to the", " sea"), ("The old man went to the", " house and slept."), ("The old man went to the", " sea")),
        Item(3, ("Question: where is the fox?\nAnswer: ", "in the wood"), ("It was “very", " cold” — said he 🦊, née Ünal")),
        Item(4, ("🦊🦊 said the little", " girl"), ("Ünal and the", " little boy")),
        Item(5, (string.Concat(Enumerable.Repeat("and then they went a long way, ", 40)), " until the end of the day")),
    ];

    public static EvaluationItem Item(int index, params (string Context, string Continuation)[] requests) =>
        new() { Index = index, Requests = [.. requests.Select(request => new ContinuationRequest(request.Context, request.Continuation))] };

    public static CompletionsOptions Options(
        HttpMessageHandler handler,
        CompletionsDialect? dialect = null,
        StubModel? stub = null,
        int concurrency = 1,
        int batch = 1,
        FastTime? time = null,
        string? key = null) => new()
        {
            Address = Address,
            Model = "storyteller",
            Dialect = dialect ?? CompletionsDialect.Today,
            Tokenizer = stub?.Model.Tokenizer,
            MaxLength = stub is null ? 2048 : MaxLength,
            Concurrency = concurrency,
            BatchSize = batch,
            ApiKey = key,
            Handler = handler,
            Time = time ?? new FastTime(),
        };

    /// <summary>What the default model itself says, with the texts encoded as the harness does today.</summary>
    public static RequestScore[] Expected(StubModel stub, EvaluationItem item, int longest) => [.. item.Requests.Cast<ContinuationRequest>().Select(request =>
    {
        string context = request.Context.TrimEnd();
        int[] before = stub.Model.Tokenizer.Encode(context);
        int[] after = stub.Model.Tokenizer.Encode(request.Context + request.Continuation)[before.Length..];
        return stub.Local([.. before, .. after], after.Length, longest);
    })];

    public static async Task<List<ItemScore>> ScoreAsync(CompletionsOptions options, IEnumerable<EvaluationItem> items, CancellationToken cancellation = default)
    {
        using var scorer = new CompletionsTextScorer(options);
        var scores = new List<ItemScore>();
        await foreach (ItemScore score in scorer.ScoreAsync(items, cancellation))
        {
            scores.Add(score);
        }

        return scores;
    }
}
