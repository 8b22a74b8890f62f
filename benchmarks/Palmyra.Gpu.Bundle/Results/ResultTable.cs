using System.Globalization;
using System.Text.Json;

namespace Palmyra.Gpu.Bundle.Results;

/// <summary>Prints rows as they come, and keeps them as JSON: whatever ends the process early leaves what was found before.</summary>
/// <param name="output">Takes the table.</param>
/// <param name="json">Takes the rows, written anew after every part; null for nowhere.</param>
internal sealed class ResultTable(TextWriter output, string? json)
{
    private readonly List<ResultRow> _rows = [];

    /// <summary>Prints rows.</summary>
    public void Add(IEnumerable<ResultRow> rows)
    {
        if (_rows.Count == 0)
        {
            output.WriteLine(Line("part", "what", "found", "bound", "agrees", "figures"));
        }

        foreach (ResultRow row in rows)
        {
            _rows.Add(row);
            output.WriteLine(Line(row.Part, row.Name, Found(row), Number(row.Bound), Verdict(row), Figures(row)));
            output.Flush();
        }

        if (json is not null)
        {
            Write(json);
        }
    }

    /// <summary>Prints the counts.</summary>
    /// <returns>Whether everything agrees.</returns>
    public bool Close()
    {
        int agreed = _rows.Count(row => row.Passed == true);
        int failed = _rows.Count(row => row.Passed == false);
        output.WriteLine();
        output.WriteLine($"{_rows.Count} rows: {agreed} agree, {failed} disagree or failed, {_rows.Count - agreed - failed} state facts or measurements.");
        return failed == 0;
    }

    private static string Line(string part, string name, string found, string bound, string verdict, string figures) =>
        $"{part,-9} {name,-56} {found,-42} {bound,-9} {verdict,-6} {figures}".TrimEnd();

    private static string Verdict(ResultRow row) => row.Passed switch { true => "yes", false => "NO", null => "" };

    private static string Found(ResultRow row) => row.Values.Count switch
    {
        0 => "",
        1 => $"{Number(row.Values[0])} {row.Unit}",
        _ => $"{Number(row.Median)} ({Number(row.Values.Min())} to {Number(row.Values.Max())}) {row.Unit}",
    };

    private static string Figures(ResultRow row) =>
        string.Join("; ", row.Facts.Select(fact => $"{fact.Name} {Number(fact.Value)}").Append(row.Note).Where(text => text.Length > 0));

    private static string Number(double? value) => value switch
    {
        null => "",
        double whole when Math.Abs(whole) < 1e15 && whole == Math.Floor(whole) => whole.ToString("F0", CultureInfo.InvariantCulture),
        double other => other.ToString("G4", CultureInfo.InvariantCulture),
    };

    // Written by hand: a trimmed program has no serializer that finds properties by reflection.
    private void Write(string path)
    {
        using FileStream file = File.Create(path);
        using var writer = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true });
        writer.WriteStartArray();
        foreach (ResultRow row in _rows)
        {
            writer.WriteStartObject();
            writer.WriteString("part", row.Part);
            writer.WriteString("name", row.Name);
            writer.WriteString("unit", row.Unit);
            Write(writer, "median", row.Median);
            writer.WriteStartArray("values");
            foreach (double value in row.Values)
            {
                Write(writer, null, value);
            }

            writer.WriteEndArray();
            Write(writer, "bound", row.Bound);
            if (row.Passed is bool passed)
            {
                writer.WriteBoolean("agrees", passed);
            }

            writer.WriteStartObject("facts");
            foreach ((string name, double value) in row.Facts)
            {
                Write(writer, name, value);
            }

            writer.WriteEndObject();
            writer.WriteString("note", row.Note);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    // JSON has no infinity and no NaN: they are strings.
    private static void Write(Utf8JsonWriter writer, string? name, double? value)
    {
        if (value is not double number)
        {
            return;
        }

        if (name is not null)
        {
            writer.WritePropertyName(name);
        }

        if (double.IsFinite(number))
        {
            writer.WriteNumberValue(number);
        }
        else
        {
            writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
        }
    }
}
