namespace Palmyra.Evaluation.Tasks;

/// <summary>The tasks Palmyra knows.</summary>
public static class EvaluationTasks
{
    private static readonly Dictionary<string, string> Aliases = new() { ["lambada"] = Lambada.OpenAi.Name };

    /// <summary>All of them, in the order of the model card's table, the others after.</summary>
    public static IReadOnlyList<EvaluationTask> All { get; } =
    [
        Lambada.OpenAi, new Winogrande(), new HellaSwag(), new Piqa(), new WikiText(),
        Lambada.Standard, Lambada.OpenAiCloze, Lambada.StandardCloze, new PlainText(),
    ];

    /// <summary>The task of a name, or null. "lambada" is <c>lambada_openai</c>.</summary>
    public static EvaluationTask? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string meant = Aliases.GetValueOrDefault(name, name);
        return All.FirstOrDefault(task => task.Name == meant);
    }
}
