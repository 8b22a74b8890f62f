using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Tasks;

/// <summary>One item of a task, made of one record of its data file: what is asked, and which answer is right.</summary>
public sealed record EvaluationItem
{
    /// <summary>Its place among the file's items, from 0; a limit or a shuffle does not change it.</summary>
    public required int Index { get; init; }

    /// <summary>The requests: one a choice, else one.</summary>
    public required IReadOnlyList<ScoringRequest> Requests { get; init; }

    /// <summary>The number of the right choice, from 0.</summary>
    public int Gold { get; init; }

    /// <summary>Multiple choice: the choices' texts without the joining space, whose lengths acc_norm and acc_bytes divide by; null where the task has neither.</summary>
    public IReadOnlyList<string>? Choices { get; init; }

    /// <summary>Perplexity: words of the text as the task counts them, in the original and not the detokenised form.</summary>
    public long Words { get; init; }

    /// <summary>Perplexity: UTF-8 bytes of the original text.</summary>
    public long Bytes { get; init; }
}
