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
            IGrouping<(string Protocol, int FewShot), TaskResult>[] ways = [.. results.Tasks.GroupBy(task => (task.Protocol, task.FewShot))];
            if (ways.Length <= 1)
            {
                rows.Add(new ReportRow(results.Model.Name, results.Model, results.Tasks));
            }

            foreach (IGrouping<(string Protocol, int FewShot), TaskResult> way in ways.Length > 1 ? ways : [])
            {
                rows.Add(new ReportRow($"{results.Model.Name} ({way.Key.Protocol}, {way.Key.FewShot}-shot)", results.Model, [.. way]));
            }
        }

        return rows;
    }

    /// <summary>The result of a task, or null if it was not run.</summary>
    public TaskResult? Find(string task) => Tasks.FirstOrDefault(result => result.Task == task);
}
