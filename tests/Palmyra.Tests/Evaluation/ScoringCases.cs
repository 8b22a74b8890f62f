using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Evaluation.Scoring;
using Palmyra.Testing;

namespace Palmyra.Tests.Evaluation;

/// <summary>Groups of token requests that share beginnings in every way: 1 token to whole pages, none, all, and one inside another.</summary>
internal static class ScoringCases
{
    public static LanguageModel OpenOnCpu(string name, int threads = 2, MatrixFormat? format = null) => LanguageModel.Open(
        Fixtures.Path($"models/{name}"),
        new LanguageModelOptions { Backend = new CheckedBackend(new CpuBackend(new CpuOptions { Threads = threads })), Format = format });

    /// <summary>Groups for models of at least 128 tokens of context and 380 words.</summary>
    public static List<TokenRequest[]> Groups()
    {
        int[] text = Tokens(129, seed: 1);
        List<TokenRequest[]> groups =
        [
            // One request; a context of one token; a continuation of one.
            [new TokenRequest(Tokens(30, 2), 20)],
            [new TokenRequest(Tokens(9, 3), 1)],
            [new TokenRequest(Tokens(2, 4), 1)],

            // The longest input there is, and one that ends where a page does.
            [new TokenRequest(text, 1), new TokenRequest(text, 128), new TokenRequest(text, 65)],
            [new TokenRequest(text.AsMemory(0, 65), 40), new TokenRequest(text.AsMemory(0, 66), 40)],

            // Equal requests, and one that another begins with.
            [Joined(text[..20], Tokens(5, 5)), Joined(text[..20], Tokens(5, 5)), Joined(text[..20], Tokens(3, 5))],

            // Nothing in common; and contexts that part in the middle, with the same continuation.
            [new TokenRequest(Tokens(12, 6), 6), new TokenRequest(Tokens(14, 7), 2)],
            [Joined([.. text[..15], 7, 8], Tokens(9, 8)), Joined([.. text[..15], 9], Tokens(9, 8))],

            // Choices of one token: the inputs are equal.
            [.. Enumerable.Range(0, 20).Select(token => Joined(text[..33], [token]))],

            // A group without requests.
            [],
        ];
        foreach (int context in new[] { 1, 16, 17, 63, 64, 65, 100 })
        {
            groups.Add([.. Enumerable.Range(0, 4).Select(choice => Joined(text[..context], Tokens(3 + (5 * choice), 10 + choice)))]);
        }

        // The continuations begin alike too.
        groups.Add([.. Enumerable.Range(0, 3).Select(choice => Joined(text[..50], [1, 2, 3, .. Tokens(6, 20 + choice)]))]);
        return groups;
    }

    public static int[] Tokens(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(380))];
    }

    public static TokenRequest Joined(int[] context, int[] continuation) => new((int[])[.. context, .. continuation], context.Length);
}
