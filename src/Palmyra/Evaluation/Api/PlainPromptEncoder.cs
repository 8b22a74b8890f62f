using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Tokenization;

namespace Palmyra.Evaluation.Api;

// A stand-in until the protocols' own encoder is merged: what lm-evaluation-harness does in its two encodings, without repaired texts.
internal sealed class PlainPromptEncoder(GptTokenizer tokenizer, EvaluationProtocol protocol, int longest) : IPromptEncoder
{
    private readonly int _prefix = tokenizer.BosId ?? tokenizer.EosId
        ?? throw new EvaluationException("The tokenizer has neither a begin nor an end token to put before texts without a context; name one in tokenizer_config.json.");

    public TokenPrompt Encode(ContinuationRequest request, int item)
    {
        (string context, string continuation) = (request.Context, request.Continuation);
        if (protocol.Encoding == ContinuationEncoding.Joint)
        {
            int end = EndWithoutBlanks(context);
            (context, continuation) = (context[..end], context[end..] + continuation);
        }

        int[] before = context.Length == 0 ? [_prefix] : Ids(context);
        int[] after = context.Length == 0 || protocol.Encoding == ContinuationEncoding.Separate
            ? Ids(continuation)
            : Ids(context + continuation)[before.Length..];
        if (context.Length == 0 && after.Length > 0 && after[0] == _prefix)
        {
            after = after[1..];
        }

        int[] ids = [.. before, .. after];
        ids = ids[^Math.Min(ids.Length, longest)..];
        return after.Length > 0 && after.Length < longest
            ? new TokenPrompt(ids, ids.Length - after.Length)
            : throw new EvaluationException(
                $"Item {item}: a continuation was expected to have 1 to {longest - 1} tokens, so that a token of context stays before it; found {after.Length}.");
    }

    public IEnumerable<TokenPrompt> Encode(RollingRequest request, int item)
    {
        int[] ids = [_prefix, .. Ids(request.Text)];
        for (int at = 1; at < ids.Length;)
        {
            int end = Math.Min(ids.Length, at + longest - 1);
            int start = Math.Max(0, end - longest);
            yield return new TokenPrompt(ids.AsMemory(start..end), at - start);
            at = end;
        }
    }

    /// <summary>The length of a text without what Python's rstrip takes off its end.</summary>
    internal static int EndWithoutBlanks(string text)
    {
        int end = text.Length;
        while (end > 0 && (char.IsWhiteSpace(text[end - 1]) || text[end - 1] is >= '\x1C' and <= '\x1F'))
        {
            end--;
        }

        return end;
    }

    private int[] Ids(string text) => tokenizer.Encode(text, addSpecialTokens: false);
}
