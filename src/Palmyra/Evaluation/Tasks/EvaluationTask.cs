using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>A task: where its data lies, how a record becomes an item, and what is measured. A class of its own each, small: data plus a template.</summary>
public abstract class EvaluationTask
{
    /// <summary>The most items a file may have: hundreds of times those of the benchmarks, and what a run keeps of each item still fits memory.</summary>
    public const int MostItems = 1 << 22;

    /// <summary>The name on the command line and in results, as lm-evaluation-harness has it: "lambada_openai".</summary>
    public abstract string Name { get; }

    /// <summary>The name in tables: "LAMBADA".</summary>
    public abstract string Title { get; }

    /// <summary>How scores become metrics.</summary>
    public abstract TaskKind Kind { get; }

    /// <summary>
    /// The names its data file goes by, with <c>*</c> for any letters; <c>folder/name</c> also names the folder it lies in, where the name
    /// alone says too little ("winogrande*/dev.jsonl"). <see cref="DataFolder"/> looks for them.
    /// </summary>
    public abstract IReadOnlyList<string> FileNames { get; }

    /// <summary>Published files, recognised by checksum; their repeated records are part of them.</summary>
    public virtual IReadOnlyList<KnownFile> KnownFiles => [];

    /// <summary>The accuracy of guessing; null where there is none.</summary>
    public virtual double? Chance => null;

    /// <summary>Whether choices have lengths to divide by: acc_norm and acc_bytes.</summary>
    public virtual bool NormalizesByLength => Kind == TaskKind.MultipleChoice;

    /// <summary>What tells one wording of the task from another of the same name, for journals and results.</summary>
    public virtual string Version => "1";

    /// <summary>Files beside a data file that belong to it, such as its labels.</summary>
    /// <param name="path">The data file.</param>
    public virtual IReadOnlyList<string> FilesBeside(string path) => [];

    /// <summary>The fields of a record, for each form its data file may have: what a file is recognised by. Empty where the file is text.</summary>
    internal virtual IReadOnlyList<IReadOnlyList<string>> Forms => [];

    /// <summary>Whether the published set repeats records, so that a repetition says nothing.</summary>
    internal virtual bool MayRepeat => false;

    /// <summary>
    /// Whether the harness draws one few-shot example more than it needs and leaves out the item: it does where its task file names the same
    /// split for examples and for testing, or neither. Null where it has no such task.
    /// </summary>
    internal virtual bool? DrawsOneMoreExample => null;

    /// <summary>
    /// Reads the items one after the other, in the order of the file: at most <see cref="MostItems"/>. Holds one record, and some twenty bytes for
    /// each one before where repeated records are refused.
    /// </summary>
    /// <param name="data">The data.</param>
    /// <exception cref="EvaluationException">
    /// The file is not this task's or has too many records, or one of them is malformed, repeated or empty; file and line are named.
    /// </exception>
    public abstract IEnumerable<EvaluationItem> Read(DataFile data);

    /// <summary>Items as they come, refused where there are too many.</summary>
    internal static IEnumerable<EvaluationItem> Bounded(IEnumerable<EvaluationItem> items, DataFile data) => items.Select(item => item.Index < MostItems
        ? item
        : throw new EvaluationException($"{data.Path}: a file was expected to have at most {MostItems} items; found more. Evaluate it in parts."));
}
