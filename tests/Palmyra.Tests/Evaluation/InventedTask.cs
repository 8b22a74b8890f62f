using System.Globalization;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation;

/// <summary>A task whose file holds a word a line; item i asks for "word" after "number i".</summary>
internal sealed class InventedTask(TaskKind kind) : EvaluationTask
{
    public override string Name => "invented";

    public override string Title => "Invented";

    public override TaskKind Kind => kind;

    public override IReadOnlyList<string> FileNames => ["invented.txt"];

    public bool? OneMore { get; init; }

    internal override bool? DrawsOneMoreExample => OneMore;

    public override IEnumerable<EvaluationItem> Read(DataFile data) => File.ReadLines(data.Path).Select((word, index) =>
    {
        string context = string.Create(CultureInfo.InvariantCulture, $"number {index}");
        return kind switch
        {
            TaskKind.MultipleChoice => new EvaluationItem
            {
                Index = index,
                Requests = [new ContinuationRequest(context, " " + word), new ContinuationRequest(context, " not " + word)],
                Gold = index % 2,
                Choices = [word, "not " + word],
            },
            TaskKind.Cloze => new EvaluationItem { Index = index, Requests = [new ContinuationRequest(context, " " + word)] },
            _ => new EvaluationItem { Index = index, Requests = [new RollingRequest(word)], Words = 1 + (index % 3), Bytes = word.Length },
        };
    });
}
