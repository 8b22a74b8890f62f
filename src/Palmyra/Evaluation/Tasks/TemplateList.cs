namespace Palmyra.Evaluation.Tasks;

/// <summary>Several texts made of a record: one placeholder whose field is a list of texts, or a list of templates.</summary>
internal sealed class TemplateList
{
    private readonly string? _field;
    private readonly IReadOnlyList<Template> _templates;

    /// <summary>The texts of a field.</summary>
    public TemplateList(string field) => (_field, _templates) = (field, []);

    /// <summary>A text a template.</summary>
    public TemplateList(IReadOnlyList<Template> templates) => _templates = templates;

    /// <summary>How many texts there are, where that is the same for every record; or null.</summary>
    public int? Count => _field is null ? _templates.Count : null;

    /// <summary>The fields it uses.</summary>
    public IEnumerable<string> Fields => _field is null ? _templates.SelectMany(template => template.Fields) : [_field];

    /// <summary>The texts for a record.</summary>
    public IReadOnlyList<string> Render(JsonRecord record) =>
        _field is null ? [.. _templates.Select(template => template.Render(record))] : record.Texts(_field);
}
