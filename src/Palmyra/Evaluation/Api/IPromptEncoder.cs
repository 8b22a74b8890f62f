using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Api;

/// <summary>How the texts of requests become tokens.</summary>
internal interface IPromptEncoder
{
    /// <summary>Context and continuation, however long.</summary>
    TokenPrompt Encode(ContinuationRequest request);

    /// <summary>A whole text in windows of at most <paramref name="longest"/> tokens, each token scored once.</summary>
    IEnumerable<TokenPrompt> Encode(RollingRequest request, int longest);
}
