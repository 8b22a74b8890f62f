using System.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>
/// A text with placeholders: <c>{{field}}</c> stands for a field's text or number, <c>{{a.b}}</c> for field b of the object in field a.
/// There is no more to the language.
/// </summary>
internal sealed class Template
{
    private readonly List<(string Text, bool IsField)> _parts = [];

    private Template()
    {
    }

    /// <summary>The fields it uses.</summary>
    public IEnumerable<string> Fields => _parts.Where(part => part.IsField).Select(part => part.Text);

    /// <summary>The field, if the template is one placeholder and nothing else; or null.</summary>
    public string? OnlyField => _parts is [(string text, true)] ? text : null;

    /// <summary>Reads a template.</summary>
    /// <exception cref="FormatException">A placeholder is not closed, or names no field; the message says so in half a sentence.</exception>
    public static Template Parse(string text)
    {
        var template = new Template();
        int at = 0;
        while (at < text.Length)
        {
            int open = text.IndexOf("{{", at, StringComparison.Ordinal);
            int textEnd = open < 0 ? text.Length : open;
            if (textEnd > at)
            {
                template._parts.Add((text[at..textEnd], false));
            }

            if (open < 0)
            {
                break;
            }

            int close = text.IndexOf("}}", open, StringComparison.Ordinal);
            string name = close >= 0
                ? text[(open + 2)..close].Trim()
                : throw new FormatException("a placeholder is opened by {{ and not closed by }}");
            if (name.Length == 0 || name.AsSpan().IndexOfAny("{}|('\"[") >= 0)
            {
                throw new FormatException($"{{{{{name}}}}} is not a placeholder, which holds the name of a field and no expression");
            }

            template._parts.Add((name, true));
            at = close + 2;
        }

        return template;
    }

    /// <summary>The text for a record.</summary>
    public string Render(JsonRecord record)
    {
        var result = new StringBuilder();
        foreach ((string text, bool isField) in _parts)
        {
            result.Append(isField ? record.Printed(text) : text);
        }

        return result.ToString();
    }
}
