using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Reports;

/// <summary>A line of the card's table and a colour of the chart: a model's results under one protocol with one number of examples.</summary>
internal sealed record ReportRow(string Name, ModelDescription Model, IReadOnlyList<TaskResult> Tasks)
{
    /// <summary>The rows of a report. Only a model that was measured in several ways has several rows, and their names say which.</summary>
    public static IReadOnlyList<ReportRow> Of(EvaluationReport report)
    {
        var rows = new List<ReportRow>();
        foreach (ModelResults results in report.Models)
        {
            string name = NameIn(report, results.Model);
            IGrouping<(string Protocol, int FewShot), TaskResult>[] ways = [.. results.Tasks.GroupBy(task => (task.Protocol, task.FewShot))];
            if (ways.Length <= 1)
            {
                rows.Add(new ReportRow(name, results.Model, results.Tasks));
                continue;
            }

            rows.AddRange(ways.Select(way =>
                new ReportRow($"{name} ({way.Key.Protocol}, {way.Key.FewShot}-shot)", results.Model, [.. way])));
        }

        return rows;
    }

    /// <summary>A model's name; where two have the same (one checkpoint in two formats), with where it ran.</summary>
    public static string NameIn(EvaluationReport report, ModelDescription model) =>
        report.Models.Count(other => other.Model.Name == model.Name) > 1 ? $"{model.Name} ({model.Where})" : model.Name;

    /// <summary>The result of a task, or null if it was not run.</summary>
    public TaskResult? Find(string task) => Tasks.FirstOrDefault(result => result.Task == task);
}
