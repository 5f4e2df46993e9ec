using System.Numerics;
using Parquet;
using Parquet.Schema;

namespace DistTrain.Data;

/// <summary>Reads a Parquet file into a table: columns of numbers, truth values and texts; one row group is held at a time.</summary>
internal sealed class ParquetTable
{
    private readonly string file;
    private readonly BadRows badRows;

    private ParquetTable(string file, BadRows badRows) => (this.file, this.badRows) = (file, badRows);

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="skipBadRows">Whether to skip malformed rows instead of throwing.</param>
    /// <param name="kindOf">Tells whether a column is to be read as numbers (true), as categories (false) or as it is stored (null).</param>
    /// <param name="ignored">Columns that are not read.</param>
    /// <param name="required">Columns whose value must not be missing; the last column where this is empty.</param>
    /// <exception cref="UserErrorException">The file is missing, corrupt or of types that are not read.</exception>
    public static Table Read(string file, bool skipBadRows, Func<string, bool?> kindOf, IReadOnlyCollection<string> ignored, IReadOnlyCollection<string> required)
    {
        if (!File.Exists(file))
            throw new UserErrorException($"{file}: no such file");
        try
        {
            // Parquet.Net has asynchronous calls only; data is opened once, before anything runs that could be held up.
            return Task.Run(() => new ParquetTable(file, new(file, skipBadRows)).ReadAsync(kindOf, ignored, required)).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is not (UserErrorException or OutOfMemoryException or UnauthorizedAccessException))
        {
            throw new UserErrorException($"{file}: not a whole Parquet file ({error.Message.ReplaceLineEndings(" ")})", error);
        }
    }

    private async Task<Table> ReadAsync(Func<string, bool?> kindOf, IReadOnlyCollection<string> ignored, IReadOnlyCollection<string> required)
    {
        await using var reader = await ParquetReader.CreateAsync(file);
        var names = reader.Schema.Fields.Select(field => field.Name).ToArray();
        foreach (var name in (IEnumerable<string>)[.. required, .. ignored])
        {
            if (!names.Contains(name))
                throw new UserErrorException($"{file}: no column '{name}'; there are {string.Join(", ", names)}");
        }
        var fields = reader.Schema.Fields.Where(field => !ignored.Contains(field.Name)).Select(Simple).ToArray();
        if (fields.Length == 0)
            throw new UserErrorException($"{file}: no columns; expected at least two");
        var columns = fields.Select(field => new TableColumn(field.Name, kindOf(field.Name) ?? !IsText(field))).ToArray();
        var needed = fields.Select(field => required.Count == 0 ? field == fields[^1] : required.Contains(field.Name)).ToArray();
        long rows = 0;
        for (var g = 0; g < reader.RowGroupCount; g++)
        {
            using var group = reader.OpenRowGroupReader(g);
            if (group.RowCount > Array.MaxLength)
                throw new UserErrorException($"{file}: a row group of {group.RowCount} rows; expected at most {Array.MaxLength}");
            var values = new Values[fields.Length];
            for (var i = 0; i < fields.Length; i++)
                values[i] = await ReadColumnAsync(group, fields[i]);
            for (var row = 0; row < group.RowCount; row++, rows++)
                AddRow(rows, row, values, columns, needed);
        }
        var count = columns[0].IsNumeric ? columns[0].Numbers.Count : columns[0].Codes.Count;
        return count > 0 ? new(file, columns, count, badRows.Notice)
            : throw new UserErrorException($"{file}: no rows of data{(badRows.Count > 0 ? $" ({badRows.Notice})" : "")}; expected at least one");
    }

    private void AddRow(long number, int row, Values[] values, TableColumn[] columns, bool[] needed)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            if (values[i].IsMissing(row) ? needed[i] : columns[i].IsNumeric && !double.IsFinite(values[i].Number(row)))
            {
                badRows.Add(
                    $"row {number}, column '{columns[i].Name}'",
                    values[i].IsMissing(row) ? "value is missing; expected one" : $"value {BadRows.Show(values[i].Text(row))} is not a number; expected a finite number");
                return;
            }
        }
        for (var i = 0; i < columns.Length; i++)
        {
            if (columns[i].IsNumeric)
                columns[i].Numbers.Add(values[i].IsMissing(row) ? double.NaN : values[i].Number(row));
            else
                columns[i].Codes.Add(values[i].IsMissing(row) ? -1 : columns[i].Code(values[i].Text(row)));
        }
    }

    private DataField Simple(Field field) => field is DataField { MaxRepetitionLevel: 0 } simple && (IsText(simple) || IsRead(simple.ClrType)) ? simple
        : throw new UserErrorException($"{file}: column '{field.Name}' holds {(field as DataField)?.ClrType.Name ?? "nested values"}; expected numbers, truth values or text (leave it out with ignore={field.Name})");

    // A text column is made as string and read back as ReadOnlyMemory<char>.
    private static bool IsText(DataField field) => field.ClrType == typeof(string) || field.ClrType == typeof(ReadOnlyMemory<char>);

    private static bool IsRead(Type type) => type == typeof(bool) || type == typeof(decimal)
        || (type.IsPrimitive && type != typeof(char) && type != typeof(nint) && type != typeof(nuint));

    private static async Task<Values> ReadColumnAsync(ParquetRowGroupReader group, DataField field)
    {
        if (IsText(field))
        {
            var texts = new string?[group.RowCount];
            await group.ReadAsync(field, texts.AsMemory()!);
            return new(null, texts);
        }
        return new(await (Type.GetTypeCode(field.ClrType) switch
        {
            TypeCode.Boolean => ReadTruthAsync(group, field),
            TypeCode.Byte => ReadNumbersAsync<byte>(group, field),
            TypeCode.SByte => ReadNumbersAsync<sbyte>(group, field),
            TypeCode.Int16 => ReadNumbersAsync<short>(group, field),
            TypeCode.UInt16 => ReadNumbersAsync<ushort>(group, field),
            TypeCode.Int32 => ReadNumbersAsync<int>(group, field),
            TypeCode.UInt32 => ReadNumbersAsync<uint>(group, field),
            TypeCode.Int64 => ReadNumbersAsync<long>(group, field),
            TypeCode.UInt64 => ReadNumbersAsync<ulong>(group, field),
            TypeCode.Single => ReadNumbersAsync<float>(group, field),
            TypeCode.Double => ReadNumbersAsync<double>(group, field),
            _ => ReadNumbersAsync<decimal>(group, field),
        }), null);
    }

    private static async Task<double[]> ReadTruthAsync(ParquetRowGroupReader group, DataField field)
    {
        var values = await ReadNullableAsync<bool>(group, field);
        return Array.ConvertAll(values, value => value is { } truth ? truth ? 1 : 0 : double.NaN);
    }

    private static async Task<double[]> ReadNumbersAsync<T>(ParquetRowGroupReader group, DataField field)
        where T : struct, INumber<T>
    {
        var values = await ReadNullableAsync<T>(group, field);
        return Array.ConvertAll(values, value => value is { } number ? double.CreateSaturating(number) : double.NaN);
    }

    private static async Task<T?[]> ReadNullableAsync<T>(ParquetRowGroupReader group, DataField field)
        where T : struct
    {
        if (field.IsNullable)
        {
            var nullable = new T?[group.RowCount];
            await group.ReadAsync(field, nullable.AsMemory());
            return nullable;
        }
        var values = new T[group.RowCount];
        await group.ReadAsync(field, values.AsMemory());
        return Array.ConvertAll(values, value => (T?)value);
    }

    /// <summary>A row group's values of one column.</summary>
    private readonly record struct Values(double[]? Numbers, string?[]? Texts)
    {
        public bool IsMissing(int row) => Numbers is not null ? double.IsNaN(Numbers[row]) : CsvTable.IsMissing(Texts![row]);

        public double Number(int row) => Numbers is not null ? Numbers[row] : CsvTable.TryNumber(Texts![row], out var number) ? number : double.NaN;

        public string Text(int row) => Numbers is not null ? Numbers[row].ToString(System.Globalization.CultureInfo.InvariantCulture) : Texts![row]!.Trim();
    }
}
