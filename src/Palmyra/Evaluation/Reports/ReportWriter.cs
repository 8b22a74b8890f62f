using System.Globalization;
using System.Text.Json;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation.Reports;

/// <summary>What <see cref="ReportFile"/> writes of a model. What is not known has no field.</summary>
internal static class ReportWriter
{
    public static void Write(Utf8JsonWriter writer, ModelResults results)
    {
        ModelDescription model = results.Model;
        writer.WriteStartObject();
        writer.WriteString("name", model.Name);
        writer.WriteString("where", model.Where);
        Text(writer, "digest", model.Digest);
        Text(writer, "weights", model.Weights);
        Text(writer, "settings", model.Settings);
        if (model.Parameters is long parameters)
        {
            writer.WriteNumber("parameters", parameters);
        }

        if (model.TrainingFlopsPerToken.Count > 0)
        {
            writer.WriteStartObject("training_flops_per_token");
            foreach ((string formula, double flops) in model.TrainingFlopsPerToken)
            {
                Number(writer, formula, flops);
            }

            writer.WriteEndObject();
        }

        Number(writer, "training_tokens", model.TrainingTokens);
        if (model.IsPublic is bool isPublic)
        {
            writer.WriteBoolean("public", isPublic);
        }

        Number(writer, "dataset_gigabytes", model.DatasetGigabytes);
        writer.WriteStartArray("tasks");
        foreach (TaskResult task in results.Tasks)
        {
            Write(writer, task);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, TaskResult task)
    {
        writer.WriteStartObject();
        writer.WriteString("task", task.Task);
        writer.WriteString("title", task.Title);
        writer.WriteString("protocol", task.Protocol);
        writer.WriteNumber("few_shot", task.FewShot);
        writer.WriteNumber("items", task.Items);
        if (task.Limit is int limit)
        {
            writer.WriteNumber("limit", limit);
        }

        if (task.ItemsCut > 0)
        {
            writer.WriteNumber("items_cut", task.ItemsCut);
        }

        writer.WriteStartObject("data");
        writer.WriteString("name", task.DataName);
        writer.WriteString("sha256", task.DataSha256);
        Text(writer, "known_as", task.DataKnownAs);
        if (task.DataIsDerived)
        {
            writer.WriteBoolean("derived", true);
        }

        if (task.DataBeside.Count > 0)
        {
            writer.WriteStartArray("beside");
            foreach (FileSum file in task.DataBeside)
            {
                writer.WriteStartObject();
                writer.WriteString("name", file.Name);
                writer.WriteString("sha256", file.Sha256);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
        Number(writer, "chance", task.Chance);
        writer.WriteStartArray("metrics");
        foreach (MetricValue metric in task.Metrics)
        {
            writer.WriteStartObject();
            writer.WriteString("name", metric.Name);
            Number(writer, "value", metric.Value);
            Number(writer, "standard_error", metric.StandardError);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (task.Run is RunFacts run)
        {
            writer.WriteStartObject("run");
            writer.WriteString("started", run.Started);
            Number(writer, "seconds", run.Seconds);
            writer.WriteNumber("tokens_computed", run.TokensComputed);
            Text(writer, "on", run.On);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static void Text(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    private static void Number(Utf8JsonWriter writer, string name, double? value)
    {
        if (value is double number)
        {
            if (double.IsFinite(number))
            {
                writer.WriteNumber(name, number);
            }
            else
            {
                writer.WriteString(name, number.ToString(CultureInfo.InvariantCulture));
            }
        }
    }
}
