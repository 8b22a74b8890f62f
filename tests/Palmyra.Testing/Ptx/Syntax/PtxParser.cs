using System.Globalization;

namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>Reads the part of PTX that ILGPU and inline assembly use. What it does not know is a failure, never skipped.</summary>
internal sealed class PtxParser(string kernel, string text)
{
    private readonly Scanner _scanner = new(text);
    private readonly PtxModule _module = new();
    private int _start;
    private int _line;

    /// <summary>Reads the whole text.</summary>
    public PtxModule Parse()
    {
        while (Begin() != '\0')
        {
            Declaration(Directive());
        }

        return _module;
    }

    private void Declaration(string directive)
    {
        switch (directive)
        {
            case "version":
                _module.Version = decimal.TryParse(_scanner.Word(), CultureInfo.InvariantCulture, out decimal version)
                    ? (int)(10 * version) : throw Failure("a version is expected");
                break;
            case "address_size":
                _module.AddressSize = (int)Number(_scanner.Word());
                break;
            case "target":
                do
                {
                    ReadTarget(_scanner.Word());
                }
                while (_scanner.Take(','));
                break;
            case "visible" or "extern" or "weak":
                Declaration(Directive());
                break;
            case "shared":
                _module.Variables.Add(Variable("shared"));
                Expect(';');
                break;
            case "entry":
                {
                    PtxEntry entry = Function(hasResults: false);
                    _module.Entries.Add(entry.Name, entry);
                    break;
                }

            case "func":
                {
                    PtxEntry function = Function(hasResults: true);
                    if (function.Body.Count > 0)
                    {
                        _module.Functions.Add(function.Name, function);
                    }

                    break;
                }

            case "file" or "loc":
                _scanner.SkipLine();
                break;
            default:
                throw Failure($"the directive .{directive} is not known here");
        }
    }

    private void ReadTarget(string name)
    {
        if (name.StartsWith("sm_", StringComparison.Ordinal) &&
            int.TryParse(name[3..].TrimEnd('a', 'f'), CultureInfo.InvariantCulture, out int target))
        {
            _module.Target = target;
        }
    }

    private PtxEntry Function(bool hasResults)
    {
        List<VariableDeclaration> results = hasResults && _scanner.Peek() == '(' ? Parameters() : [];
        string name = _scanner.Word();
        List<VariableDeclaration> parameters = _scanner.Peek() == '(' ? Parameters() : [];
        int maxThreads = 1024;
        while (_scanner.Peek() == '.')
        {
            string directive = Directive();
            if (directive is not ("maxntid" or "reqntid" or "minnctapersm" or "maxnreg"))
            {
                throw Failure($"the directive .{directive} is not known here");
            }

            int product = 1;
            do
            {
                product *= (int)Number(_scanner.Word());
            }
            while (_scanner.Take(','));
            maxThreads = directive is "maxntid" or "reqntid" ? product : maxThreads;
        }

        var body = new List<Statement>();
        if (!_scanner.Take(';'))
        {
            Expect('{');
            Body(body);
        }

        return new PtxEntry(name, parameters, results, body, maxThreads);
    }

    private List<VariableDeclaration> Parameters()
    {
        var parameters = new List<VariableDeclaration>();
        Expect('(');
        while (!_scanner.Take(')'))
        {
            Begin();
            Directive();
            parameters.Add(Variable("param"));
            _scanner.Take(',');
        }

        return parameters;
    }

    private void Body(List<Statement> body)
    {
        for (int depth = 1; depth > 0;)
        {
            switch (Begin())
            {
                case '{':
                    _scanner.Take('{');
                    depth++;
                    body.Add(new Brace(_line, Opens: true));
                    break;
                case '}':
                    _scanner.Take('}');
                    depth--;
                    body.Add(new Brace(_line, Opens: false));
                    break;
                case '.':
                    LocalDeclaration(body);
                    break;
                case ';':
                    _scanner.Take(';');
                    break;
                case '\0':
                    throw Failure("the text ends within a body");
                default:
                    body.Add(LabelOrInstruction());
                    break;
            }
        }
    }

    private void LocalDeclaration(List<Statement> body)
    {
        string directive = Directive();
        switch (directive)
        {
            case "reg":
                Registers(body);
                break;
            case "local" or "shared" or "param":
                body.Add(Variable(directive));
                Expect(';');
                break;
            case "branchtargets":
                {
                    var labels = new List<string>();
                    do
                    {
                        labels.Add(_scanner.Word());
                    }
                    while (_scanner.Take(','));
                    Expect(';');
                    body.Add(new BranchTargets(_line, _scanner.Since(_start), labels));
                    break;
                }

            case "loc" or "file":
                _scanner.SkipLine();
                break;
            default:
                throw Failure($"the directive .{directive} is not known in a body");
        }
    }

    // ".reg .b32 %r<5>, t, u;"
    private void Registers(List<Statement> body)
    {
        PtxType type = Type();
        do
        {
            string name = _scanner.Word();
            int? count = null;
            if (_scanner.Take('<'))
            {
                count = (int)Number(_scanner.Word());
                Expect('>');
            }

            body.Add(new RegisterDeclaration(_line, _scanner.Since(_start), type, name, count));
        }
        while (_scanner.Take(','));
        Expect(';');
    }

    // ".align 8 .b8 name[16]", what stands before it being read; a plain ".b32 name" is aligned to its size.
    private VariableDeclaration Variable(string space)
    {
        int alignment = 0;
        string directive = Directive();
        if (directive == "align")
        {
            alignment = (int)Number(_scanner.Word());
            directive = Directive();
        }

        if (!PtxType.TryParse(directive, out PtxType type))
        {
            throw Failure($"the type .{directive} is not known");
        }

        string name = _scanner.Word();
        int count = 1;
        if (_scanner.Take('['))
        {
            string length = _scanner.Word();
            count = length.Length == 0 ? 0 : (int)Number(length);
            Expect(']');
        }

        return new VariableDeclaration(_line, _scanner.Since(_start), space, type, name, Math.Max(alignment, type.Bytes), count * type.Bytes);
    }

    private Statement LabelOrInstruction()
    {
        Operand? guard = null;
        if (_scanner.Take('@'))
        {
            bool negated = _scanner.Take('!');
            guard = Operand.OfName(_scanner.Word(), negated);
        }

        string word = _scanner.Word();
        if (word.Length == 0)
        {
            throw Failure($"'{_scanner.Peek()}' is not expected here");
        }

        if (guard is null && _scanner.TakeColon())
        {
            return new Label(_line, word);
        }

        var operands = new List<Operand>();
        while (!_scanner.Take(';'))
        {
            if (operands.Count > 0)
            {
                Expect(',');
            }

            operands.Add(ReadOperand());
        }

        return new InstructionStatement(_line, _scanner.Since(_start), guard, word.Split('.'), operands);
    }

    private Operand ReadOperand()
    {
        switch (_scanner.Peek())
        {
            case '{' or '(':
                {
                    char closing = _scanner.Take('{') ? '}' : _scanner.Take('(') ? ')' : '\0';
                    var parts = new List<Operand>();
                    while (!_scanner.Take(closing))
                    {
                        if (parts.Count > 0)
                        {
                            Expect(',');
                        }

                        parts.Add(ReadOperand());
                    }

                    return new Operand(OperandKind.List, string.Empty, 0, parts);
                }

            case '[':
                return ReadAddress();
            default:
                {
                    Operand first = ReadScalar();
                    return _scanner.Take('|') ? new Operand(OperandKind.Pair, string.Empty, 0, [first, ReadScalar()]) : first;
                }
        }
    }

    private Operand ReadAddress()
    {
        Expect('[');
        Operand start = ReadScalar();
        long offset = 0;
        if (_scanner.Take('+'))
        {
            offset = ReadScalar().Value;
        }
        else if (_scanner.Take('-'))
        {
            offset = -ReadScalar().Value;
        }

        Expect(']');
        return new Operand(OperandKind.Address, start.Name, offset + start.Value, []);
    }

    private Operand ReadScalar()
    {
        bool negated = _scanner.Take('!');
        bool minus = _scanner.Take('-');
        string word = _scanner.Word();
        if (word.Length == 0)
        {
            throw Failure($"'{_scanner.Peek()}' is not expected here");
        }

        if (!char.IsAsciiDigit(word[0]))
        {
            return Operand.OfName(word, negated);
        }

        if (word.Contains('.') && double.TryParse(word, CultureInfo.InvariantCulture, out double real))
        {
            return new Operand(OperandKind.Decimal, string.Empty, BitConverter.DoubleToInt64Bits(minus ? -real : real), []);
        }

        return Operand.OfNumber(minus ? -Number(word) : Number(word)) with { FloatBits = Operand.FloatBitsOf(word) };
    }

    // "0f3F800000" and "0d..." are the bits of a float and a double (PTX manual, "Floating-Point Constants").
    private long Number(string word)
    {
        ReadOnlySpan<char> plain = word.AsSpan().TrimEnd('U');
        if (plain is ['0', 'f' or 'F' or 'd' or 'D' or 'x' or 'X', ..] &&
            ulong.TryParse(plain[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong bits))
        {
            return (long)bits;
        }

        if (long.TryParse(plain, CultureInfo.InvariantCulture, out long integer))
        {
            return integer;
        }

        return ulong.TryParse(plain, CultureInfo.InvariantCulture, out ulong large) ? (long)large : throw Failure($"\"{word}\" is not a number");
    }

    private PtxType Type()
    {
        string name = Directive();
        return PtxType.TryParse(name, out PtxType type) ? type : throw Failure($"the type .{name} is not known");
    }

    private string Directive()
    {
        string word = _scanner.Word();
        return word.StartsWith('.') ? word[1..] : throw Failure($"a directive is expected, not \"{word}\"");
    }

    private void Expect(char sign)
    {
        if (!_scanner.Take(sign))
        {
            throw Failure($"'{sign}' is expected, not '{_scanner.Peek()}'");
        }
    }

    private char Begin()
    {
        char next = _scanner.Peek();
        _start = _scanner.Position;
        _line = _scanner.Line;
        return next;
    }

    private PtxFailure Failure(string reason) => new(kernel, _scanner.Line, _scanner.Since(_start), reason);
}
