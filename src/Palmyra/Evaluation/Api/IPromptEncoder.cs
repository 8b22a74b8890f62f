using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Api;

/// <summary>How the texts of requests become tokens, no more of them than a prompt may have.</summary>
internal interface IPromptEncoder
{
    /// <summary>Context and continuation; the context loses its beginning where they are too long.</summary>
    TokenPrompt Encode(ContinuationRequest request, int item);

    /// <summary>A whole text in windows, each token scored once.</summary>
    IEnumerable<TokenPrompt> Encode(RollingRequest request, int item);
}
