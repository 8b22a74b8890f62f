using Palmyra.Diagnostics;
using Palmyra.Evaluation.Text;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Turns requests into tokens as a protocol wants it, to the last id: joint or separate encoding, the token of an empty context, truncation.</summary>
/// <remarks>Special tokens written out in a text become those tokens, as in transformers; none are added but those stated here.</remarks>
public sealed class PromptEncoder
{
    private readonly GptTokenizer _tokenizer;
    private readonly EvaluationProtocol _protocol;
    private readonly int _context;
    private readonly int _longest;
    private readonly int _scorable;
    private readonly int? _end;

    /// <summary>Readies the tokenizer of a model whose shape is known.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="config">Gives the context's length, and begin and end tokens where the tokenizer has none.</param>
    /// <param name="protocol">How texts become tokens.</param>
    public PromptEncoder(GptTokenizer tokenizer, ModelConfig config, EvaluationProtocol protocol)
        : this(
            tokenizer,
            (config ?? throw new ArgumentNullException(nameof(config))).ContextLength,
            config.ContextLength + (protocol ?? throw new ArgumentNullException(nameof(protocol))).TokensBeyondContext,
            protocol,
            config.VocabularySize,
            config.BosTokenId,
            config.EosTokenIds.Count > 0 ? config.EosTokenIds[0] : null)
    {
    }

    /// <summary>Readies the tokenizer of a model of which no more is known than how much it takes.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="longest">Tokens of context and continuation together at most, at least 2.</param>
    /// <param name="protocol">How texts become tokens.</param>
    public PromptEncoder(GptTokenizer tokenizer, int longest, EvaluationProtocol protocol)
        : this(tokenizer, longest - 1, longest, protocol, vocabulary: null, begin: null, end: null)
    {
    }

    private PromptEncoder(GptTokenizer tokenizer, int context, int longest, EvaluationProtocol protocol, int? vocabulary, int? begin, int? end)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(protocol);
        ArgumentOutOfRangeException.ThrowIfLessThan(longest, 2);
        _tokenizer = tokenizer;
        _protocol = protocol;
        _context = context;
        _longest = longest;
        _scorable = Math.Min(protocol.VocabularyLimit ?? int.MaxValue, vocabulary ?? int.MaxValue);
        _end = tokenizer.EosId ?? end;
        Prefix = protocol.Encoding == ContinuationEncoding.Joint ? tokenizer.BosId ?? begin ?? _end : _end;
    }

    /// <summary>The token that stands for an empty context, and in front of a text that is scored as a whole: today begin or else end of text,
    /// with separate encoding end of text. Null if there is none.</summary>
    public int? Prefix { get; }

    /// <summary>The tokens of a context and its continuation.</summary>
    /// <remarks>
    /// Joint: blanks at the context's end (Python's <c>rstrip</c>) go to the continuation, and its tokens are those that the joint text has
    /// beyond the number of the context's own, be there a merge across the border or not. An empty context is <see cref="Prefix"/>, unless the
    /// continuation begins with that token, which then is the context. What is longer than the model's context allows loses its first tokens.
    /// </remarks>
    /// <param name="request">The texts.</param>
    /// <param name="item">The number of the item they belong to, for the message.</param>
    /// <exception cref="EvaluationException">The continuation has no tokens, more than the model reads or one whose logit takes no part, or an
    /// empty context has no token to stand for it.</exception>
    /// <exception cref="TokenizationException">The vocabulary cannot express a text.</exception>
    public TokenRequest Encode(ContinuationRequest request, int item)
    {
        ArgumentNullException.ThrowIfNull(request);
        (int[] context, int[] continuation) = _protocol.Encoding == ContinuationEncoding.Joint
            ? EncodeJointly(Repaired(request.Context), Repaired(request.Continuation), item)
            : EncodeSeparately(Repaired(request.Context), Repaired(request.Continuation), item);
        if (continuation.Length == 0)
        {
            throw new EvaluationException(
                $"Item {item}: the continuation {Quoted(request.Continuation)} was expected to add tokens to its context; "
                + "it adds none, so there is nothing to score.");
        }

        // One token of context stays, since nothing predicts a first token.
        if (continuation.Length > _longest - 1)
        {
            throw new EvaluationException(
                $"Item {item}: a continuation was expected to have at most {_longest - 1} tokens, "
                + $"what the model reads beside one token of context; found {continuation.Length}.");
        }

        Check(continuation, item);
        int dropped = Math.Max(0, context.Length + continuation.Length - _longest);
        int[] ids = [.. context.AsSpan(dropped), .. continuation];
        return new TokenRequest(ids, context.Length - dropped, IsCut: dropped > 0);
    }

    /// <summary>The windows that score a whole text, by <see cref="RollingWindows"/> with one token of context.</summary>
    /// <param name="request">The text.</param>
    /// <param name="item">The number of the item it belongs to, for the message.</param>
    /// <exception cref="EvaluationException">The text has no tokens or one whose logit takes no part, or there is none to put in front of it.</exception>
    /// <exception cref="TokenizationException">The vocabulary cannot express the text.</exception>
    public IEnumerable<TokenRequest> Encode(RollingRequest request, int item)
    {
        ArgumentNullException.ThrowIfNull(request);
        int[] ids = Ids(Repaired(request.Text));
        if (ids.Length == 0)
        {
            throw new EvaluationException($"Item {item}: a text to be scored was expected to have tokens; it is empty.");
        }

        Check(ids, item);
        return RollingWindows.Cut(ids, PrefixFor(item), _context);
    }

    private (int[] Context, int[] Continuation) EncodeJointly(string context, string continuation, int item)
    {
        int length = PythonText.TrimEnd(context).Length;
        if (length == 0)
        {
            int prefix = PrefixFor(item);
            int[] ids = Ids(context + continuation);
            return ids.Length > 0 && ids[0] == prefix ? (ids[..1], ids[1..]) : ([prefix], ids);
        }

        int[] contextIds = Ids(context[..length]);
        int[] joint = Ids(context + continuation);
        return (StartedContext(contextIds, item), joint[Math.Min(contextIds.Length, joint.Length)..]);
    }

    private (int[] Context, int[] Continuation) EncodeSeparately(string context, string continuation, int item)
    {
        int[] contextIds = StartedContext(Ids(context), item);
        return (contextIds.Length == 0 ? [PrefixFor(item)] : contextIds, Ids(continuation));
    }

    private int[] StartedContext(int[] ids, int item) => _protocol.StartsWithEndOfText ? [_end ?? throw NoToken(item), .. ids] : ids;

    private int PrefixFor(int item) => Prefix ?? throw NoToken(item);

    private int[] Ids(string text) => _tokenizer.Encode(text, addSpecialTokens: false);

    private string Repaired(string text) => _protocol.RepairsText ? TextRepair.Repair(text) : text;

    private void Check(int[] scored, int item)
    {
        int largest = scored.Max();
        if (largest >= _scorable)
        {
            throw new EvaluationException(
                $"Item {item}: token {largest} of the tokenizer is to be scored, but only the first {_scorable} logits of the model take part.");
        }
    }

    private static EvaluationException NoToken(int item) =>
        new($"Item {item}: a begin or end token was expected, to stand before the text; neither the tokenizer nor the configuration names one.");

    private static string Quoted(string text) => text.Length <= 40 ? $"\"{text}\"" : $"\"{text[..40]}...\"";
}
