using System.Text;

namespace DistTrain.Data;

/// <summary>
/// Reads delimited text as RFC 4180 has it: fields may be quoted, a quoted field may hold delimiters, line ends and doubled quotes. Lines end in LF, CRLF or CR;
/// empty lines are skipped. One record is held at a time.
/// </summary>
internal sealed class CsvReader : IDisposable
{
    /// <summary>The longest record; more means that a quote was never closed, or that this is no such file.</summary>
    public const int MostCharacters = 1 << 24;

    private readonly TextReader reader;
    private readonly char delimiter;
    private readonly char[] buffer = new char[1 << 15];
    private char[] text = new char[1 << 10];
    private int textLength;
    private readonly List<int> ends = [];
    private int position, length;
    private int nextLine = 1;

    /// <summary>Opens a file.</summary>
    public CsvReader(string path, char delimiter)
    {
        (File, this.delimiter) = (path, delimiter);
        reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: true);
    }

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>The line, from 1, that the current record starts in.</summary>
    public int Line { get; private set; }

    /// <summary>The number of fields of the current record.</summary>
    public int FieldCount => ends.Count;

    /// <summary>What is wrong with the current record; null when nothing is.</summary>
    public string? Problem { get; private set; }

    /// <summary>A field of the current record, without its quotes and the blanks around it; valid until the next record.</summary>
    public ReadOnlySpan<char> Field(int index)
    {
        var start = index == 0 ? 0 : ends[index - 1];
        return text.AsSpan(start, ends[index] - start).Trim();
    }

    /// <summary>Goes to the next record; false at the file's end.</summary>
    /// <exception cref="UserErrorException">The file is not UTF-8, or a record is endless.</exception>
    public bool Read()
    {
        do
        {
            if (Peek() < 0)
                return false;
            Line = nextLine;
            Problem = null;
            textLength = 0;
            ends.Clear();
            while (ReadField())
            {
            }
        }
        while (ends.Count == 1 && ends[0] == 0);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => reader.Dispose();

    /// <summary>Reads one field; true when another one follows in the same record.</summary>
    private bool ReadField()
    {
        var quoted = Peek() == '"';
        if (quoted)
        {
            Next();
            ReadQuoted();
        }
        while (true)
        {
            var c = Peek();
            if (c == delimiter || c is '\n' or '\r' or < 0)
            {
                ends.Add(textLength);
                Next();
                if (c == '\r' && Peek() == '\n')
                    Next();
                if (c is '\r' or '\n')
                    nextLine++;
                return c == delimiter;
            }
            if (quoted)
                Problem ??= $"'{(char)c}' follows the closing quote of field {ends.Count + 1}";
            Append(Next());
        }
    }

    private void ReadQuoted()
    {
        while (true)
        {
            var c = Next();
            if (c < 0)
            {
                Problem ??= $"the quote of field {ends.Count + 1} is never closed";
                return;
            }
            if (c == '"')
            {
                if (Peek() != '"')
                    return;
                Next();
            }
            if (c == '\n' || (c == '\r' && Peek() != '\n'))
                nextLine++;
            Append(c);
        }
    }

    private void Append(int c)
    {
        if (textLength >= MostCharacters)
            throw new UserErrorException($"{File}, line {Line}: the record is longer than {MostCharacters} characters; is a quote never closed?");
        if (textLength == text.Length)
            Array.Resize(ref text, 2 * textLength);
        text[textLength++] = (char)c;
    }

    private int Next()
    {
        var c = Peek();
        position++;
        return c;
    }

    private int Peek()
    {
        if (position < length)
            return buffer[position];
        if (length < 0)
            return -1;
        try
        {
            (position, length) = (0, reader.Read(buffer));
        }
        catch (DecoderFallbackException error)
        {
            throw new UserErrorException($"{File}, after line {nextLine}: not UTF-8 text", error);
        }
        if (length > 0)
            return buffer[0];
        length = -1;
        return -1;
    }
}
