using System.Globalization;

namespace Palmyra.Evaluation.Reports;

/// <summary>How reports print numbers, the same in every culture.</summary>
internal static class ReportNumber
{
    public const string Unknown = "unknown";

    public const string NotRun = "–";

    public static bool IsAccuracy(string metric) => metric.StartsWith("acc", StringComparison.Ordinal);

    public static bool IsPerplexity(string metric) => metric.EndsWith("perplexity", StringComparison.Ordinal);

    /// <summary>A whole number with its thousands set apart.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A large count of operations with two digits, as the GPT-J card prints it: 1.5e22.</summary>
    public static string Flops(double value) => value.ToString("0.0e0", CultureInfo.InvariantCulture);

    /// <summary>The same with three digits, where formulas are compared.</summary>
    public static string FlopsInFull(double value) => value.ToString("0.00e0", CultureInfo.InvariantCulture);

    /// <summary>A size or a count of any magnitude: whole below 10⁷ unless it is small, else with three digits.</summary>
    public static string Significant(double value) =>
        value >= 1e7 ? FlopsInFull(value) : value >= 100 ? Count(value) : value.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>A metric's value: accuracies in per cent with two digits, all else with four significant ones.</summary>
    public static string Value(MetricValue metric) => IsAccuracy(metric.Name) ? Percent(metric.Value) : Number(metric.Value, Decimals(metric.Value));

    /// <summary>Value ± standard error, with as many decimals as the value; the value alone where the error is not known.</summary>
    public static string WithError(MetricValue metric)
    {
        string value = Value(metric);
        return metric.StandardError is not double error || !double.IsFinite(metric.Value) ? value
            : IsAccuracy(metric.Name) ? $"{value} ± {Fixed(100 * error, 2)}"
            : $"{value} ± {Number(error, Decimals(metric.Value))}";
    }

    public static string Percent(double share) => double.IsFinite(share) ? $"{Fixed(100 * share, 2)} %" : Number(share, 2);

    public static string Fixed(double value, int decimals) => value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static string Number(double value, int decimals) => value switch
    {
        double.NaN => "not a number",
        double.PositiveInfinity => "∞",
        double.NegativeInfinity => "−∞",
        >= 1e7 => FlopsInFull(value),
        _ => value.ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
    };

    private static int Decimals(double value) => value >= 999.95 ? 0 : value >= 99.995 ? 1 : value >= 9.9995 ? 2 : 3;
}
