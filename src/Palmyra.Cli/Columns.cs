using System.Globalization;

namespace Palmyra.Cli;

/// <summary>Aligned columns of plain text, the same on a terminal and in a file.</summary>
internal static class Columns
{
    /// <summary>Writes rows, two blanks between columns.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="alignment">A letter a column: l for left, r for right.</param>
    /// <param name="rows">The cells.</param>
    public static void Write(TextWriter output, string alignment, IEnumerable<string[]> rows)
    {
        string[][] cells = [.. rows];
        int[] widths = [.. Enumerable.Range(0, alignment.Length).Select(column => cells.Select(row => row[column].Length).DefaultIfEmpty(0).Max())];
        foreach (string[] row in cells)
        {
            IEnumerable<string> padded = row.Select((cell, column) =>
                alignment[column] == 'r' ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            output.WriteLine(string.Join("  ", padded).TrimEnd());
        }
    }

    /// <summary>A whole number with its thousands set apart.</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in decimal units, three digits.</summary>
    public static string Bytes(double value)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB"];
        int unit = 0;
        while (value >= 999.5 && unit < units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        string digits = unit == 0 || value >= 99.95 ? "F0" : value >= 9.995 ? "F1" : "F2";
        return value.ToString(digits, CultureInfo.InvariantCulture) + " " + units[unit];
    }

    /// <summary>A large count of operations: 3.63e10.</summary>
    public static string Scientific(double value)
    {
        int exponent = value <= 0 ? 0 : (int)Math.Floor(Math.Log10(value));
        string mantissa = (value / Math.Pow(10, exponent)).ToString("F2", CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{exponent}");
    }
}
