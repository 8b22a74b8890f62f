using System.Text;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Models;

namespace Palmyra.Cards;

/// <summary>The YAML at the head of a card. A key that is not known is not there.</summary>
internal static class CardHead
{
    private const string Task = "text-generation";

    public static void Append(StringBuilder text, CardFacts facts)
    {
        text.Append("---\n");
        List(text, "language", facts.Languages);
        if (facts.License is string license)
        {
            Line(text, "license", YamlScalar.Write(license));
        }

        Line(text, "library_name", YamlScalar.Write(facts.Head.Text("library_name") ?? "palmyra"));
        Line(text, "pipeline_tag", YamlScalar.Write(facts.Head.Text("pipeline_tag") ?? Task));
        List(text, "tags", [.. new[] { new HyperParameters(facts.Config).Family, Task }.Concat(facts.Tags).Distinct(StringComparer.Ordinal)], always: true);
        List(text, "datasets", facts.Datasets, always: true);
        if (facts.TrainingTokens is double tokens)
        {
            Line(text, FrontMatter.TrainingTokensKey, YamlScalar.Write(tokens));
        }

        if (facts.IsPublic is bool isPublic)
        {
            Line(text, FrontMatter.IsPublicKey, isPublic ? "true" : "false");
        }

        if (facts.DatasetGigabytes is double size)
        {
            Line(text, FrontMatter.DatasetGigabytesKey, YamlScalar.Write(size));
        }

        AppendIndex(text, facts);
        AppendOthers(text, facts.Head);
        text.Append("---\n");
    }

    // Only keys begin a line with a letter: every text above is a scalar on one line, behind a key or a dash.
    private static void AppendOthers(StringBuilder text, FrontMatter head)
    {
        string written = text.ToString();
        foreach (string key in head.Keys.Where(key => !written.Contains($"\n{key}:", StringComparison.Ordinal)))
        {
            text.Append(head.Source(key)).Append('\n');
        }
    }

    private static void AppendIndex(StringBuilder text, CardFacts facts)
    {
        TaskResult[] tasks = [.. facts.Results.SelectMany(results => results.Tasks).Where(task => task.Metrics.Count > 0)];
        if (tasks.Length == 0)
        {
            return;
        }

        text.Append("model-index:\n- name: ").Append(YamlScalar.Write(facts.Title ?? facts.Name)).Append("\n  results:\n");
        foreach (TaskResult task in tasks)
        {
            text.Append($"  - task:\n      type: {Task}\n    dataset:\n      name: {YamlScalar.Write(task.Title)}\n")
                .Append($"      type: {YamlScalar.Write(task.Task)}\n      args:\n        num_few_shot: {YamlScalar.Write(task.FewShot)}\n    metrics:\n");
            foreach (MetricValue metric in task.Metrics)
            {
                string part = task.Limit is null ? string.Empty : $", {task.Items} items";
                string way = $"{metric.Name}, protocol {task.Protocol}{part}{(ReportTable.DataMark(task) is string mark ? $", {mark}" : string.Empty)}";
                text.Append($"    - type: {YamlScalar.Write(metric.Name)}\n      value: {YamlScalar.Write(metric.Value)}\n")
                    .Append($"      name: {YamlScalar.Write(way)}\n");
            }
        }
    }

    // One language is a scalar, as the hub's own cards have it.
    private static void List(StringBuilder text, string key, IReadOnlyList<string> values, bool always = false)
    {
        if (values.Count == 1 && !always)
        {
            Line(text, key, YamlScalar.Write(values[0]));
        }
        else if (values.Count > 0)
        {
            text.Append(key).Append(":\n");
            foreach (string value in values)
            {
                text.Append("- ").Append(YamlScalar.Write(value)).Append('\n');
            }
        }
    }

    private static void Line(StringBuilder text, string key, string value) => text.Append(key).Append(": ").Append(value).Append('\n');
}
