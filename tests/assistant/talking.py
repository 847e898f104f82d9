"""Messages of a conversation, as tests write them down."""


def user(content):
    return {"role": "user", "content": content}


def said(content):
    return {"role": "assistant", "content": content}


def system(content):
    return {"role": "system", "content": content}
